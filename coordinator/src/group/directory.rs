//! Describes, lists and deletes groups of every kind.

use super::event::{DeleteGroup, DescribeGroup, ListGroups};
use super::{GroupOutcome, GroupShard};
use crate::shard::ReplyTo;

impl GroupShard {
    pub(super) fn describe_group(&mut self, _: &DescribeGroup, _: ReplyTo, _: &mut GroupOutcome) {
        unimplemented!()
    }
    pub(super) fn list_groups(&mut self, _: &ListGroups, _: ReplyTo, _: &mut GroupOutcome) {
        unimplemented!()
    }
    pub(super) fn delete_group(&mut self, _: &DeleteGroup, _: ReplyTo, _: &mut GroupOutcome) {
        unimplemented!()
    }
}
