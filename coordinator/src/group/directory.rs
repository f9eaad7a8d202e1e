//! Describes, lists, counts and deletes groups of every kind.

use std::collections::BTreeSet;

use model::ErrorCode;

use super::event::{DeleteGroup, DescribeGroup, DescribedGroup, GroupCounts, GroupReply, ListGroups, ListedGroup};
use super::{Group, GroupOutcome, GroupRecord, GroupShard};
use crate::records::group_metadata::GroupMetadataKey;
use crate::shard::ReplyTo;

/// The state of a group that is without members.
const EMPTY: &str = "Empty";
/// The state of a group that there is not.
const DEAD: &str = "Dead";
/// The kind of a group that only has offsets.
const CLASSIC: &str = "classic";

/// The first version of `DescribeGroups` in which an absent group is an error.
const FIRST_VERSION_WITH_GROUP_ID_NOT_FOUND: i16 = 6;

impl GroupShard {
    /// Describes a group as the classic protocol knows it; a KIP-848 group is none.
    pub(super) fn describe_group(&mut self, request: &DescribeGroup, reply_to: ReplyTo, out: &mut GroupOutcome) {
        let reply = match self.refuse_damaged(&request.group_id) {
            Ok(()) => self.described(request),
            Err(error) => DescribedGroup { error, ..DescribedGroup::default() },
        };
        out.replies.push((reply_to, GroupReply::DescribeGroup(reply)));
    }

    fn described(&self, request: &DescribeGroup) -> DescribedGroup {
        let group_id = &request.group_id;
        match self.groups.get(group_id) {
            Some(Group::Classic(group)) => group.describe(),
            Some(Group::Consumer(_)) => absent(request, format!("Group {group_id} is not a classic group.")),
            None if self.offsets.has_group(group_id) => {
                DescribedGroup { state: EMPTY.to_owned(), ..DescribedGroup::default() }
            }
            None => absent(request, format!("Group {group_id} not found.")),
        }
    }

    /// Lists the groups in the order of their ids.
    pub(super) fn list_groups(&mut self, request: &ListGroups, reply_to: ReplyTo, out: &mut GroupOutcome) {
        let states = request.states.iter().map(|state| state.trim().to_lowercase()).collect();
        let types = request.types.iter().map(|of| of.to_lowercase()).collect();
        let has = |filter: &BTreeSet<String>, word: &str| filter.is_empty() || filter.contains(&word.to_lowercase());
        let listed = self.group_ids().into_iter().map(|group_id| self.listed(group_id));
        let wanted = listed.filter(|group| has(&states, &group.state) && has(&types, &group.group_type));
        let groups = wanted.collect();
        out.replies.push((reply_to, GroupReply::ListGroups(groups)));
    }

    /// Counts the groups by type and state. Nothing is copied, so that it costs little where groups are many.
    pub(super) fn count_groups(&self, reply_to: ReplyTo, out: &mut GroupOutcome) {
        let mut counts = GroupCounts::new();
        for group in self.groups.values() {
            *counts.entry((group.type_name(), group.state_name())).or_default() += 1;
        }
        let simple = self.offsets.group_ids().filter(|group_id| !self.groups.contains_key(*group_id)).count();
        if simple > 0 {
            *counts.entry((CLASSIC, EMPTY)).or_default() += simple;
        }
        out.replies.push((reply_to, GroupReply::CountGroups(counts)));
    }

    fn listed(&self, group_id: String) -> ListedGroup {
        let (protocol_type, state, group_type) = match self.groups.get(&group_id) {
            Some(group) => (group.protocol_type(), group.state_name(), group.type_name()),
            None => ("", EMPTY, CLASSIC),
        };
        ListedGroup {
            group_id,
            protocol_type: protocol_type.to_owned(),
            state: state.to_owned(),
            group_type: group_type.to_owned(),
        }
    }

    /// Deletes a group that nobody is in, with its offsets.
    pub(super) fn delete_group(&mut self, request: &DeleteGroup, reply_to: ReplyTo, out: &mut GroupOutcome) {
        let deleted = self.try_delete(&request.group_id, out);
        out.replies.push((reply_to, GroupReply::DeleteGroup(deleted.err().unwrap_or(ErrorCode::None))));
    }

    fn try_delete(&mut self, group_id: &str, out: &mut GroupOutcome) -> Result<(), ErrorCode> {
        self.refuse_damaged(group_id)?;
        match self.groups.get(group_id) {
            Some(group) => group.validate_delete()?,
            None if self.offsets.has_group(group_id) => {}
            None => return Err(ErrorCode::GroupIdNotFound),
        }
        let mut records = self.offset_tombstones(group_id);
        records.extend(self.group_tombstones(group_id));
        for record in records {
            self.accept(&record, out)?;
        }
        Ok(())
    }

    /// The records that delete the group itself, its offsets excepted.
    pub(super) fn group_tombstones(&self, group_id: &str) -> Vec<GroupRecord> {
        match self.groups.get(group_id) {
            Some(group) => group.tombstones(group_id),
            // Kafka writes one for a simple group, too, which never had such a record.
            None => vec![GroupRecord::GroupMetadata(GroupMetadataKey { group: group_id.to_owned() }, None)],
        }
    }

    /// The ids of all groups, in their order.
    pub(super) fn group_ids(&self) -> Vec<String> {
        let with_offsets = self.offsets.group_ids();
        let ids: BTreeSet<&str> = self.groups.keys().map(String::as_str).chain(with_offsets).collect();
        ids.into_iter().map(str::to_owned).collect()
    }
}

/// What is said of a classic group that there is not.
fn absent(request: &DescribeGroup, problem: String) -> DescribedGroup {
    let (error, error_message) = if request.version >= FIRST_VERSION_WITH_GROUP_ID_NOT_FOUND {
        (ErrorCode::GroupIdNotFound, Some(problem))
    } else {
        (ErrorCode::None, None)
    };
    DescribedGroup { error, error_message, state: DEAD.to_owned(), ..DescribedGroup::default() }
}
