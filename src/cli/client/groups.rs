//! Groups: finding their coordinators, listing, describing and deleting them.
//!
//! Knows both protocols: a group is asked for as one of the new protocol (KIP-848) first, and as a classic one if it is none.

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::messages::consumer_group_describe_response::{self as consumer, Assignment};
use kafka_protocol::messages::describe_groups_response as classic;
use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest, DeleteGroupsRequest, DescribeGroupsRequest, FindCoordinatorRequest, GroupId,
    ListGroupsRequest,
};
use kafka_protocol::protocol::{Request, StrBytes};
use model::ErrorCode;
use model::wire::{Form, Reader, WireError};

use super::admin::text;
use super::cluster::To;
use super::{ClientError, Cluster};
use crate::cli::time::Deadline;

/// The highest version of `FindCoordinator` that asks for one key.
const FIND_COORDINATOR_HIGHEST: i16 = 3;
/// What coordinators are found for, of all that have one: groups.
const GROUP_KEY: i8 = 0;

/// One group of a list.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    /// Its id.
    pub(crate) id: String,
    /// `Classic`, `Consumer`, ...; empty from a broker that knows only one kind.
    pub(crate) kind: String,
    /// What its members speak among each other, such as `consumer`; empty if it never had any.
    pub(crate) protocol: String,
    /// Kafka's name of its state; empty from a broker that does not tell.
    pub(crate) state: String,
}

/// The partitions of some topics.
pub(crate) type Partitions = BTreeMap<String, BTreeSet<i32>>;

/// Everything that a coordinator tells of a group, whichever its protocol is.
#[derive(Clone, Debug)]
pub(crate) struct Description {
    /// Its id.
    pub(crate) id: String,
    /// `Classic` or `Consumer`.
    pub(crate) kind: &'static str,
    /// Kafka's name of its state.
    pub(crate) state: String,
    /// What its members speak among each other, such as `consumer`; empty if it never had any.
    pub(crate) protocol: String,
    /// Who assigns, and how; empty if nobody did yet.
    pub(crate) assignor: String,
    /// The broker that coordinates it.
    pub(crate) coordinator: i32,
    /// The epochs of the group and of its target assignment; only a consumer group has them.
    pub(crate) epochs: Option<(i32, i32)>,
    /// Its members, by id.
    pub(crate) members: Vec<Member>,
}

impl Description {
    /// Whether offsets may be set from outside, because no member would go on with its own.
    pub(crate) const fn is_inactive(&self) -> bool {
        self.members.is_empty()
    }
}

/// A member of a group.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// Its id.
    pub(crate) id: String,
    /// The name that it keeps over restarts; only a static member has one.
    pub(crate) instance_id: Option<String>,
    /// What its client calls itself.
    pub(crate) client_id: String,
    /// Where it comes from.
    pub(crate) host: String,
    /// Its rack, if it named one.
    pub(crate) rack: Option<String>,
    /// Its epoch; only a member of a consumer group has one.
    pub(crate) epoch: Option<i32>,
    /// The topics that it asked for.
    pub(crate) topics: BTreeSet<String>,
    /// The regular expression that it asked with.
    pub(crate) topic_regex: Option<String>,
    /// What it holds.
    pub(crate) assignment: Partitions,
    /// What it is to hold; only a member of a consumer group has one.
    pub(crate) target: Option<Partitions>,
}

/// Asks every broker for its groups. Empty filters let everything pass; a broker that is too old for one refuses.
///
/// # Errors
/// Those of the cluster.
pub(crate) fn list(cluster: &mut Cluster, states: &[String], kinds: &[String]) -> Result<Vec<Listed>, ClientError> {
    let texts = |filter: &[String]| filter.iter().map(|name| text(name)).collect();
    let request = ListGroupsRequest::default().with_states_filter(texts(states)).with_types_filter(texts(kinds));
    cluster.retry(|cluster, deadline| {
        cluster.metadata(Some(&[]), false, deadline)?;
        let mut groups = BTreeMap::new();
        for node in cluster.nodes() {
            let answer = cluster.call(To::Node(node), &request, i16::MAX, deadline)?;
            ClientError::check(answer.error_code, || format!("groups of broker {node}"))?;
            groups.extend(answer.groups.into_iter().map(|group| {
                let listed = Listed {
                    id: plain(&group.group_id.0),
                    kind: capitalized(&group.group_type),
                    protocol: plain(&group.protocol_type),
                    state: plain(&group.group_state),
                };
                (listed.id.clone(), listed)
            }));
        }
        Ok(groups.into_values().collect())
    })
}

/// Describes one group.
///
/// # Errors
/// [`ClientError::Refused`] with `GROUP_ID_NOT_FOUND` if there is none.
pub(crate) fn describe(cluster: &mut Cluster, group: &str) -> Result<Description, ClientError> {
    cluster.retry(|cluster, deadline| {
        let node = coordinator(cluster, group, deadline)?;
        match describe_consumer(cluster, node, group, deadline) {
            Err(error) if is_other_kind(&error) => describe_classic(cluster, node, group, deadline),
            done => done,
        }
    })
}

/// Whether this is what a broker says of a classic group, or of KIP-848 if it does not know it.
fn is_other_kind(error: &ClientError) -> bool {
    match error {
        ClientError::NoCommonVersion { .. } => true,
        ClientError::Refused { .. } => error.is(ErrorCode::GroupIdNotFound) || error.is(ErrorCode::UnsupportedVersion),
        ClientError::Unreachable { .. }
        | ClientError::Io { .. }
        | ClientError::TimedOut { .. }
        | ClientError::Malformed { .. } => false,
    }
}

fn describe_consumer(
    cluster: &mut Cluster,
    node: i32,
    group: &str,
    deadline: Deadline,
) -> Result<Description, ClientError> {
    let request = ConsumerGroupDescribeRequest::default().with_group_ids(vec![group_id(group)]);
    let answer = cluster.call(To::Node(node), &request, i16::MAX, deadline)?;
    let found = answer.groups.into_iter().next().ok_or_else(|| not_found(group))?;
    let words = found.error_message.as_ref().map(StrBytes::as_str);
    ClientError::check_with(found.error_code, words, || format!("group {group}"))?;
    let mut members: Vec<Member> = found.members.into_iter().map(consumer_member).collect();
    members.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(Description {
        id: group.to_owned(),
        kind: "Consumer",
        state: plain(&found.group_state),
        protocol: "consumer".to_owned(),
        assignor: plain(&found.assignor_name),
        coordinator: node,
        epochs: Some((found.group_epoch, found.assignment_epoch)),
        members,
    })
}

fn consumer_member(member: consumer::Member) -> Member {
    let partitions = |assignment: Assignment| {
        let topics = assignment.topic_partitions.into_iter();
        topics.map(|topic| (plain(&topic.topic_name.0), topic.partitions.into_iter().collect())).collect()
    };
    Member {
        id: plain(&member.member_id),
        instance_id: member.instance_id.as_ref().map(plain),
        client_id: plain(&member.client_id),
        host: plain(&member.client_host),
        rack: member.rack_id.as_ref().map(plain),
        epoch: Some(member.member_epoch),
        topics: member.subscribed_topic_names.iter().map(|name| plain(&name.0)).collect(),
        topic_regex: member.subscribed_topic_regex.as_ref().map(plain).filter(|regex| !regex.is_empty()),
        assignment: partitions(member.assignment),
        target: Some(partitions(member.target_assignment)),
    }
}

fn describe_classic(
    cluster: &mut Cluster,
    node: i32,
    group: &str,
    deadline: Deadline,
) -> Result<Description, ClientError> {
    let request = DescribeGroupsRequest::default().with_groups(vec![group_id(group)]);
    let answer = cluster.call(To::Node(node), &request, i16::MAX, deadline)?;
    let found = answer.groups.into_iter().next().ok_or_else(|| not_found(group))?;
    let words = found.error_message.as_ref().map(StrBytes::as_str);
    ClientError::check_with(found.error_code, words, || format!("group {group}"))?;
    // Before KIP-1043 a group that does not exist was described as one that is dead.
    if found.group_state.as_str() == "Dead" {
        return Err(not_found(group));
    }
    let is_consumer = found.protocol_type.as_str() == "consumer";
    let mut members: Vec<Member> = found.members.iter().map(|member| classic_member(member, is_consumer)).collect();
    members.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(Description {
        id: group.to_owned(),
        kind: "Classic",
        state: plain(&found.group_state),
        protocol: plain(&found.protocol_type),
        assignor: plain(&found.protocol_data),
        coordinator: node,
        epochs: None,
        members,
    })
}

/// What members of other kinds of groups tell each other, as those of Connect, is theirs alone; and a client that sends what
/// is no assignment makes only its own line empty.
fn classic_member(member: &classic::DescribedGroupMember, is_consumer: bool) -> Member {
    let (mut topics, mut assignment) = (BTreeSet::new(), Partitions::new());
    if is_consumer {
        topics = subscription(&member.member_metadata).unwrap_or_default();
        assignment = assigned(&member.member_assignment).unwrap_or_default();
    }
    Member {
        id: plain(&member.member_id),
        instance_id: member.group_instance_id.as_ref().map(plain),
        client_id: plain(&member.client_id),
        host: plain(&member.client_host),
        rack: None,
        epoch: None,
        topics,
        topic_regex: None,
        assignment,
        target: None,
    }
}

/// The topics of Kafka's `ConsumerProtocolSubscription`; later versions only add to its end.
fn subscription(blob: &[u8]) -> Result<BTreeSet<String>, WireError> {
    let mut reader = Reader::new(blob);
    let _version = reader.i16()?;
    let topics = reader.elements(Form::Classic, 2, |reader| reader.string(Form::Classic))?;
    Ok(topics.into_iter().map(str::to_owned).collect())
}

/// The partitions of Kafka's `ConsumerProtocolAssignment`; later versions only add to its end.
fn assigned(blob: &[u8]) -> Result<Partitions, WireError> {
    // A member that is not assigned yet has no blob at all.
    if blob.is_empty() {
        return Ok(Partitions::new());
    }
    let mut reader = Reader::new(blob);
    let _version = reader.i16()?;
    let topics = reader.elements(Form::Classic, 6, |reader| {
        let topic = reader.string(Form::Classic)?.to_owned();
        Ok((topic, reader.elements(Form::Classic, 4, Reader::i32)?.into_iter().collect()))
    })?;
    Ok(topics.into_iter().collect())
}

/// Deletes a group with its offsets.
///
/// # Errors
/// [`ClientError::Refused`], as while it has members.
pub(crate) fn delete(cluster: &mut Cluster, group: &str) -> Result<(), ClientError> {
    let request = DeleteGroupsRequest::default().with_groups_names(vec![group_id(group)]);
    call_coordinator(cluster, group, &request, i16::MAX, |answer| {
        answer
            .results
            .iter()
            .try_for_each(|result| ClientError::check(result.error_code, || format!("deleting group {group}")))
    })
}

/// Sends a request to a group's coordinator, and looks for another one where that may help. `read` finds the errors.
///
/// # Errors
/// Those of the cluster and of `read`.
pub(crate) fn call_coordinator<R: Request, T>(
    cluster: &mut Cluster,
    group: &str,
    request: &R,
    highest: i16,
    read: impl Fn(R::Response) -> Result<T, ClientError>,
) -> Result<T, ClientError> {
    cluster.retry(|cluster, deadline| {
        let node = coordinator(cluster, group, deadline)?;
        read(cluster.call(To::Node(node), request, highest, deadline)?)
    })
}

/// The broker that coordinates a group.
fn coordinator(cluster: &mut Cluster, group: &str, deadline: Deadline) -> Result<i32, ClientError> {
    let request = FindCoordinatorRequest::default().with_key(text(group)).with_key_type(GROUP_KEY);
    let answer = cluster.call(To::Any, &request, FIND_COORDINATOR_HIGHEST, deadline)?;
    let words = answer.error_message.as_ref().map(StrBytes::as_str);
    ClientError::check_with(answer.error_code, words, || format!("coordinator of group {group}"))?;
    Ok(answer.node_id.0)
}

/// A group's id as the crate wants it.
pub(crate) fn group_id(group: &str) -> GroupId {
    GroupId(text(group))
}

fn not_found(group: &str) -> ClientError {
    ClientError::Refused { what: format!("group {group}"), code: ErrorCode::GroupIdNotFound.code(), message: None }
}

/// A type as Kafka's tools show it; on the wire it is in small letters.
fn capitalized(kind: &str) -> String {
    let mut letters = kind.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn plain(text: &StrBytes) -> String {
    text.as_str().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_blobs_of_a_classic_consumer_are_read() {
        let assignment = b"\0\x03\0\0\0\x01\0\x02t1\0\0\0\x02\0\0\0\x02\0\0\0\0\xff\xff\xff\xff";
        assert_eq!(assigned(assignment), Ok(Partitions::from([("t1".to_owned(), BTreeSet::from([0, 2]))])));
        assert_eq!(assigned(b""), Ok(Partitions::new()));
        let metadata = b"\0\x01\0\0\0\x02\0\x01a\0\x01b\xff\xff\xff\xff\0\0\0\0";
        assert_eq!(subscription(metadata), Ok(BTreeSet::from(["a".to_owned(), "b".to_owned()])));
    }

    #[test]
    fn a_blob_that_lies_is_refused_before_it_costs_anything() {
        assert!(assigned(b"\0\0\x7f\xff\xff\xff").is_err());
        assert!(assigned(b"\0\0\0\0\0\x01\0\x02t1\x7f\xff\xff\xff\0\0\0\0").is_err());
        assert!(subscription(b"\0\0\0\0\0\x01\0\xffx").is_err());
    }
}
