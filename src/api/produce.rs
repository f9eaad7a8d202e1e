//! Produce (key 0), versions 3-13. v7 takes zstd; v8 names bad records; v9 flexible; v13 names topics by id (KIP-516).
//! Shown from version 0 in ApiVersions, because librdkafka reads the range so (KAFKA-18659); 0-2 are not served.
//! A transaction begins in a partition when its coordinator says that it includes it: up to v11 because the client added it
//! (v11 knows `TRANSACTION_ABORTABLE`), from v12 on because the partition is added then (KIP-890).

mod append;
mod kept;
mod refusal;
mod verification;

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use model::{Acks, ErrorCode};
use protocol::ApiKey;
use protocol::messages::produce::{ProduceRequest, ProduceResponse, TopicProduceData, TopicProduceResponse};

use self::append::{Append, Wait};
use self::kept::KeptRequest;
use self::refusal::refused;
use self::verification::{Questions, Vouched};
use super::{Api, CloseReason, Reply, RequestContext};
use crate::broker::{Broker, Patience};
use crate::metadata::{Image, Topic};
use crate::telemetry::Traffic;

/// The first version whose clients know zstd (KIP-110).
const ZSTD_FROM: i16 = 7;
/// The first version that names topics by id.
const IDS_FROM: i16 = 13;

/// The one client id that may write to internal topics: Kafka's own tools use it.
const TOOLS_CLIENT_ID: &str = "__admin_client";

pub(super) struct Produce;

impl Api for Produce {
    const KEY: ApiKey = ApiKey::Produce;
    const VERSIONS: RangeInclusive<i16> = 3..=13;
    type Request<'frame> = ProduceRequest<'frame>;
    type Response = ProduceResponse;

    fn handle(
        broker: &Arc<Broker>,
        context: &RequestContext<'_>,
        request: ProduceRequest<'_>,
    ) -> Reply<ProduceResponse> {
        let (version, is_tool) = (context.version, context.client_id == Some(TOOLS_CLIENT_ID));
        let questions = match Questions::of(broker, version, &request) {
            Ok(questions) => questions,
            Err(code) => return answer(Acks::from_wire(request.acks), refuse_all(&request, code)),
        };
        if questions.is_empty() {
            return append(broker, (version, is_tool), &request, &questions.into_vouched());
        }
        // What is sent behind it must not overtake it, while nothing keeps others waiting.
        let (request, broker) = (KeptRequest::of(&request), Arc::clone(broker));
        let answered = questions.ask(&broker);
        Reply::Ordered(Box::pin(async move {
            let (mut vouched, mut patience) = (answered.await, Patience::new());
            while vouched.is_for_later() && patience.wait().await {
                // With new guards: the markers that were waited for have taken the others away.
                match Questions::of(&broker, version, &request.borrow()) {
                    Ok(questions) => vouched = questions.ask(&broker).await,
                    Err(code) => return answer(Acks::from_wire(request.acks()), refuse_all(&request.borrow(), code)),
                }
            }
            append(&broker, (version, is_tool), &request.borrow(), &vouched)
        }))
    }
}

/// Appends, and answers when that is as durable as the request wants it.
fn append(
    broker: &Arc<Broker>,
    (version, is_tool): (i16, bool),
    request: &ProduceRequest<'_>,
    vouched: &Vouched,
) -> Reply<ProduceResponse> {
    let acks = Acks::from_wire(request.acks);
    let image = broker.metadata.image();
    let append = Append { image: &image, version, now: broker.clock.now(), acks, vouched, is_tool };
    let mut waits = Vec::new();
    let topics = answered_topics(request).enumerate();
    let responses = topics.map(|(place, topic)| append.topic(place, topic, &mut waits)).collect();
    let response = ProduceResponse { responses, ..ProduceResponse::default() };
    if acks == Ok(Acks::All) && !waits.is_empty() {
        let timeout = Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0));
        return Reply::later(when_durable(response, waits, timeout, append.missing()));
    }
    answer(acks, response)
}

/// A topic without partitions is not answered.
fn answered_topics<'r, 'f>(request: &'r ProduceRequest<'f>) -> impl Iterator<Item = &'r TopicProduceData<'f>> {
    request.topic_data.iter().filter(|topic| !topic.partition_data.is_empty())
}

/// The topic as the version names it.
fn find<'i>(image: &'i Image, version: i16, data: &TopicProduceData<'_>) -> Option<&'i Arc<Topic>> {
    if version >= IDS_FROM { image.topic_by_id(data.topic_id) } else { image.topic(data.name) }
}

fn answer(acks: Result<Acks, ErrorCode>, response: ProduceResponse) -> Reply<ProduceResponse> {
    match acks {
        Ok(Acks::None) if is_flawless(&response) => Reply::Silent,
        Ok(Acks::None) => Reply::Close(CloseReason::UnansweredProduceFailed),
        Ok(Acks::All | Acks::Leader) | Err(_) => Reply::now(response),
    }
}

/// The same for every partition.
fn refuse_all(request: &ProduceRequest<'_>, code: ErrorCode) -> ProduceResponse {
    let responses = answered_topics(request).map(|topic| TopicProduceResponse {
        name: topic.name.to_owned(),
        topic_id: topic.topic_id,
        partition_responses: topic.partition_data.iter().map(|data| refused(data.index, code.into())).collect(),
    });
    ProduceResponse { responses: responses.collect(), ..ProduceResponse::default() }
}

fn is_flawless(response: &ProduceResponse) -> bool {
    let mut partitions = response.responses.iter().flat_map(|topic| &topic.partition_responses);
    partitions.all(|partition| partition.error_code == ErrorCode::None.code())
}

/// The answer, once every append in it is durable, or failed, or took too long.
async fn when_durable(
    mut response: ProduceResponse,
    waits: Vec<Wait>,
    timeout: Duration,
    missing: ErrorCode,
) -> ProduceResponse {
    let mut expired = std::pin::pin!(tokio::time::sleep(timeout));
    for wait in waits {
        // Both arms are cancel-safe: a dropped wait is forgotten, and the timer is kept for the next partition.
        let failure = tokio::select! {
            biased;
            committed = wait.partition.committed(wait.end) => committed.err().map(|_| {
                if wait.partition.is_retired() { missing } else { ErrorCode::KafkaStorageError }
            }),
            () = &mut expired => Some(ErrorCode::RequestTimedOut),
        };
        let Some(code) = failure else { continue };
        wait.partition.count(Traffic::FailedProduces, 1);
        let (topic, partition) = wait.place;
        let topic = response.responses.get_mut(topic);
        if let Some(answer) = topic.and_then(|topic| topic.partition_responses.get_mut(partition)) {
            *answer = refused(answer.index, code.into());
        }
    }
    response
}
