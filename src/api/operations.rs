//! The sets of operations that Metadata and its relatives can list (KIP-430). Without an authorizer everybody may do
//! everything, which is what these numbers say.

/// "Not asked for".
const NOT_ASKED: i32 = i32::MIN;
/// Every operation on a topic, as bits of `AclOperation` codes: read 3, write 4, create 5, delete 6, alter 7, describe 8,
/// describe configs 10, alter configs 11.
const TOPIC: i32 = 0b1101_1111_1000;
/// Every operation on the cluster: create 5, alter 7, describe 8, cluster action 9, describe configs 10, alter configs 11,
/// idempotent write 12.
const CLUSTER: i32 = 0b1_1111_1010_0000;

/// Every operation on a group: read 3, delete 6, describe 8, describe configs 10, alter configs 11.
const GROUP: i32 = 0b1101_0100_1000;

/// The operations on a topic.
pub(super) const fn topic(is_asked: bool) -> i32 {
    if is_asked { TOPIC } else { NOT_ASKED }
}

/// The operations on the cluster.
pub(super) const fn cluster(is_asked: bool) -> i32 {
    if is_asked { CLUSTER } else { NOT_ASKED }
}

/// The operations on a group.
pub(super) const fn group(is_asked: bool) -> i32 {
    if is_asked { GROUP } else { NOT_ASKED }
}
