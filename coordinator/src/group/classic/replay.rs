//! Records of classic groups become groups. A group that lives already keeps what the log does not know: who waits, since
//! when, and the protocols that were not chosen.

use std::collections::BTreeSet;

use model::Timestamp;

use super::super::{Group, GroupShard, TimerKey};
use super::member::Member;
use super::state::{ClassicGroup, State};
use crate::records::group_metadata::{GroupMetadataKey, GroupMetadataValue, MemberMetadata};
use crate::shard::ReplayError;

impl GroupShard {
    pub(in crate::group) fn apply_classic(
        &mut self,
        key: &GroupMetadataKey,
        value: Option<&GroupMetadataValue>,
    ) -> Result<(), ReplayError> {
        let Some(value) = value else {
            self.forget_classic(&key.group);
            return Ok(());
        };
        validate(value).map_err(|problem| ReplayError {
            what: format!("the record of the classic group {}", key.group),
            id: Some(key.group.clone()),
            problem: problem.to_owned(),
        })?;
        if let Some(Group::Classic(group)) = self.groups.get_mut(&key.group) {
            group.apply(value);
        } else {
            let mut group = ClassicGroup::default();
            group.apply(value);
            self.groups.insert(key.group.clone(), Group::Classic(group));
        }
        Ok(())
    }

    /// The group is gone, and its timers with it.
    fn forget_classic(&mut self, group_id: &str) {
        let Some(Group::Classic(_)) = self.groups.get(group_id) else { return };
        let Some(Group::Classic(group)) = self.groups.remove(group_id) else { return };
        self.timers.cancel(&TimerKey::ClassicJoin(group_id.to_owned()));
        self.timers.cancel(&TimerKey::ClassicSync(group_id.to_owned()));
        for member_id in group.members.ids() {
            self.timers.cancel(&TimerKey::ClassicSession(group_id.to_owned(), member_id));
        }
        for member_id in group.pending {
            self.timers.cancel(&TimerKey::ClassicPending(group_id.to_owned(), member_id));
        }
    }
}

/// What no group is like, and no broker writes.
fn validate(value: &GroupMetadataValue) -> Result<(), &'static str> {
    if !value.members.is_empty() && value.protocol.is_none() {
        return Err("it has members but no protocol");
    }
    let mut ids = BTreeSet::new();
    let mut instances = BTreeSet::new();
    for member in &value.members {
        if !ids.insert(&member.member_id) {
            return Err("two of its members have one id");
        }
        if let Some(instance) = &member.group_instance_id
            && !instances.insert(instance)
        {
            return Err("two of its members have one instance id");
        }
    }
    Ok(())
}

impl ClassicGroup {
    fn apply(&mut self, value: &GroupMetadataValue) {
        let protocol = value.protocol.as_deref().unwrap_or("");
        let recorded: BTreeSet<&str> = value.members.iter().map(|member| member.member_id.as_str()).collect();
        for member_id in self.members.ids() {
            if !recorded.contains(member_id.as_str()) {
                self.members.remove(&member_id);
            }
        }
        for member in &value.members {
            if self.members.change(&member.member_id, |known| known.apply(member, protocol)).is_none() {
                self.members.insert(member.member_id.clone(), Member::recorded(member, protocol));
            }
        }
        self.protocol_type = Some(value.protocol_type.clone()).filter(|of| !of.is_empty());
        self.protocol_name.clone_from(&value.protocol);
        self.generation = value.generation;
        self.leader.clone_from(&value.leader);
        self.state = if value.members.is_empty() { State::Empty } else { State::Stable };
        self.since = Some(Timestamp::new(value.current_state_timestamp)).filter(|since| *since != Timestamp::NONE);
        self.initial = None;
        self.topics = self.subscribed_topics();
    }
}

impl Member {
    fn apply(&mut self, record: &MemberMetadata, protocol_name: &str) {
        let recorded = Self::recorded(record, protocol_name);
        self.instance_id = recorded.instance_id;
        self.client = recorded.client;
        self.rebalance_timeout_ms = recorded.rebalance_timeout_ms;
        self.session_timeout_ms = recorded.session_timeout_ms;
        self.assignment = recorded.assignment;
        if self.subscription(protocol_name) != record.subscription {
            self.protocols = recorded.protocols;
        }
    }
}
