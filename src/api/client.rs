//! Who sent a request, as groups describe their members and as subscriptions to metrics choose, and ids for who has none.

use std::net::IpAddr;

use coordinator::group::event::Client;
use model::TopicId;
use model::config::ClientAttributes;

use super::RequestContext;
use crate::telemetry::clients::ClientInstanceId;

/// Who sent a request.
pub(super) fn of(context: &RequestContext<'_>) -> Client {
    Client { id: context.client_id.unwrap_or_default().to_owned(), host: host(context.peer.remote.ip()) }
}

/// The client as subscriptions to metrics choose by (KIP-714).
pub(super) fn attributes(context: &RequestContext<'_>, id: ClientInstanceId) -> ClientAttributes {
    let software = context.notes.software();
    ClientAttributes {
        instance_id: id.to_string(),
        client_id: context.client_id.filter(|id| id.len() <= CLIENT_ID_MAX).map(str::to_owned),
        software_name: Some(software.name),
        software_version: Some(software.version),
        source_address: address(context.peer.remote.ip()),
        source_port: context.peer.remote.port().to_string(),
    }
}

/// Bytes of a client id that are remembered; a client with a longer one is not known by it.
const CLIENT_ID_MAX: usize = 1024;

/// A host as Java writes it, which is what Kafka's tools show: its address behind a slash.
fn host(of: IpAddr) -> String {
    format!("/{}", address(of))
}

/// An address as Java writes it: IPv6 without shortening.
fn address(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let groups: Vec<_> = address.segments().iter().map(|group| format!("{group:x}")).collect();
            groups.join(":")
        }
    }
}

/// An id for a member of a classic group: what it is called, and a number that was never given out.
pub(super) fn classic_member_id(name: &str) -> String {
    format!("{name}-{}", uuid::Uuid::new_v4())
}

/// An id for a KIP-848 member, in Kafka's short form of a uuid.
pub(super) fn consumer_member_id() -> String {
    random_id().to_string()
}

/// An id for a client that is to push metrics and has none yet.
pub(super) fn client_instance_id() -> ClientInstanceId {
    loop {
        if let Some(id) = ClientInstanceId::new(random_id()) {
            return id;
        }
    }
}

/// A random id; never one whose text looks like an option of a command.
fn random_id() -> TopicId {
    loop {
        let id = TopicId::from_bytes(uuid::Uuid::new_v4().into_bytes());
        if !id.is_reserved() && !id.to_string().starts_with('-') {
            return id;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_look_as_java_writes_them() {
        assert_eq!(host("127.0.0.1".parse().unwrap()), "/127.0.0.1");
        assert_eq!(host("::ffff:10.0.0.1".parse().unwrap()), "/10.0.0.1");
        assert_eq!(host("::1".parse().unwrap()), "/0:0:0:0:0:0:0:1");
        assert_eq!(host("fe80::a:0b".parse().unwrap()), "/fe80:0:0:0:0:0:a:b");
    }
}
