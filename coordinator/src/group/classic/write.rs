//! What a turn wants written, and what happens when it is: whoever waits is told together with the record.

use model::ErrorCode;

use super::super::event::{GroupReply, JoinGroupReply};
use super::super::settings::GroupSettings;
use super::super::{Context, GroupOutcome, GroupRecord, GroupShard};
use super::member::Member;
use crate::shard::ReplyTo;

/// What a turn wants written.
pub(super) enum Write {
    /// Nothing.
    Nothing,
    /// The group has become empty. Nobody waits to hear that.
    Emptied(GroupRecord),
    /// A static member came back, and the group goes on.
    Replaced(GroupRecord, Box<Replaced>),
    /// The leader has assigned; the record has the assignments.
    Assigned(GroupRecord),
}

/// A static member that came back.
pub(super) struct Replaced {
    pub(super) old_id: String,
    pub(super) new_id: String,
    /// The member that it takes the place of.
    pub(super) before: Member,
    pub(super) reply_to: ReplyTo,
    pub(super) reply: JoinGroupReply,
}

impl From<Option<GroupRecord>> for Write {
    fn from(emptied: Option<GroupRecord>) -> Self {
        emptied.map_or(Self::Nothing, Self::Emptied)
    }
}

impl GroupShard {
    /// Writes what a turn wants written.
    pub(super) fn write(&mut self, context: &Context<'_>, group_id: &str, write: Write, out: &mut GroupOutcome) {
        match write {
            Write::Nothing => {}
            Write::Emptied(record) => {
                // If it cannot be written, the generation before is what a restart finds: its members are gone by then,
                // and their sessions tell. Kafka does not mind either.
                let _: Result<(), ErrorCode> = self.accept_group(context.settings, &record, out);
            }
            Write::Replaced(record, replaced) => match self.accept_group(context.settings, &record, out) {
                Ok(()) => out.replies.push((replaced.reply_to, GroupReply::JoinGroup(replaced.reply))),
                Err(error) => {
                    if let Some(mut turn) = self.turn(group_id, context, out) {
                        turn.take_back(*replaced, error);
                    }
                }
            },
            Write::Assigned(record) => {
                let accepted = self.accept_group(context.settings, &record, out);
                let Some(mut turn) = self.turn(group_id, context, out) else { return };
                let emptied = match accepted {
                    Ok(()) => {
                        turn.hand_out_assignments();
                        None
                    }
                    Err(error) => turn.assignments_refused(error),
                };
                self.write(context, group_id, emptied.into(), out);
            }
        }
    }

    /// Accepts a group's record, unless no batch can hold it: Kafka finds that out from its log, and answers the same.
    fn accept_group(
        &mut self,
        settings: &GroupSettings,
        record: &GroupRecord,
        out: &mut GroupOutcome,
    ) -> Result<(), ErrorCode> {
        if bytes_min(record) > settings.record_bytes_max {
            return Err(ErrorCode::UnknownServerError);
        }
        self.accept(record, out)
    }
}

/// Bytes that a group's record has, for the most part: those that clients chose the number of.
fn bytes_min(record: &GroupRecord) -> usize {
    let GroupRecord::GroupMetadata(key, Some(value)) = record else { return 0 };
    let members = value.members.iter().map(|member| {
        let texts = [&member.member_id, &member.client_id, &member.client_host].map(String::len);
        let instance = member.group_instance_id.as_ref().map_or(0, String::len);
        let blobs = [instance, member.subscription.len(), member.assignment.len()];
        texts.into_iter().chain(blobs).fold(MEMBER_BYTES, usize::saturating_add)
    });
    members.fold(GROUP_BYTES.saturating_add(key.group.len()), usize::saturating_add)
}

/// The lengths and numbers of one member in the record.
const MEMBER_BYTES: usize = 24;
/// What else there is in a batch of one record, at the least.
const GROUP_BYTES: usize = 128;
