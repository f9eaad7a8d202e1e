//! DescribeCluster (key 60), versions 0-2. v1 endpoint types (KIP-919); v2 fenced brokers.
//! There is one broker and no controller endpoint of its own: asking for controllers is refused.

use std::ops::RangeInclusive;
use std::sync::Arc;

use model::ErrorCode;
use protocol::ApiKey;
use protocol::messages::describe_cluster::{DescribeClusterBroker, DescribeClusterRequest, DescribeClusterResponse};

use super::operations;
use super::{Api, Reply, RequestContext};
use crate::broker::Broker;

/// The endpoint type of brokers.
const BROKERS: i8 = 1;
/// The endpoint type of controllers.
const CONTROLLERS: i8 = 2;

pub(super) struct DescribeCluster;

impl Api for DescribeCluster {
    const KEY: ApiKey = ApiKey::DescribeCluster;
    const VERSIONS: RangeInclusive<i16> = 0..=2;
    type Request<'frame> = DescribeClusterRequest;
    type Response = DescribeClusterResponse;

    fn handle(
        broker: &Arc<Broker>,
        context: &RequestContext<'_>,
        request: DescribeClusterRequest,
    ) -> Reply<DescribeClusterResponse> {
        match request.endpoint_type {
            BROKERS => {}
            CONTROLLERS => {
                let message = "this endpoint is a broker's, not a controller's";
                return Reply::now(failed(ErrorCode::MismatchedEndpointType, message.to_owned()));
            }
            other => {
                let message = format!("endpoint type {other} is not known; brokers are 1");
                return Reply::now(failed(ErrorCode::UnsupportedEndpointType, message));
            }
        }
        let image = broker.metadata.image();
        let (host, port) = broker.address_for(context.peer.local, context.peer.listener);
        Reply::now(DescribeClusterResponse {
            cluster_id: broker.cluster_id.clone(),
            controller_id: image.broker.node_id,
            brokers: vec![DescribeClusterBroker {
                broker_id: image.broker.node_id,
                host,
                port,
                rack: image.broker.broker_rack.clone(),
                is_fenced: false,
            }],
            cluster_authorized_operations: operations::cluster(request.include_cluster_authorized_operations),
            ..DescribeClusterResponse::default()
        })
    }
}

fn failed(code: ErrorCode, message: String) -> DescribeClusterResponse {
    DescribeClusterResponse {
        error_code: code.code(),
        error_message: Some(message),
        ..DescribeClusterResponse::default()
    }
}
