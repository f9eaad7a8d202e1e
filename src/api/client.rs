//! Who sent a request, as groups describe their members, and ids for members that have none.

use std::net::IpAddr;

use coordinator::group::event::Client;
use model::TopicId;

use super::RequestContext;

/// Who sent a request.
pub(super) fn of(context: &RequestContext<'_>) -> Client {
    Client { id: context.client_id.unwrap_or_default().to_owned(), host: host(context.peer.remote.ip()) }
}

/// An address as Java writes it, which is what Kafka's tools show: a slash, and IPv6 without shortening.
fn host(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => format!("/{address}"),
        IpAddr::V6(address) => {
            let groups: Vec<_> = address.segments().iter().map(|group| format!("{group:x}")).collect();
            format!("/{}", groups.join(":"))
        }
    }
}

/// An id for a member of a classic group: what it is called, and a number that was never given out.
pub(super) fn classic_member_id(name: &str) -> String {
    format!("{name}-{}", uuid::Uuid::new_v4())
}

/// An id for a KIP-848 member, in Kafka's short form of a uuid; never one that looks like an option of a command.
pub(super) fn consumer_member_id() -> String {
    loop {
        let id = TopicId::from_bytes(uuid::Uuid::new_v4().into_bytes());
        let text = id.to_string();
        if !id.is_reserved() && !text.starts_with('-') {
            return text;
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
