//! What happens to groups, whatever their members are made of. What was written, read and committed is judged at the end of
//! each: see [`Story::end`].

use crate::kinds::Kind;
use crate::story::Story;

/// Members join, leave, crash and come back; then there are none for a while.
pub(crate) fn members_come_and_go(story: &mut Story, kind: Kind) {
    story.start("a", kind);
    story.settles();
    story.start("b", kind);
    story.start("c", kind);
    story.settles();
    story.leaves("b");
    story.settles_at_once();
    story.crashes("c");
    story.settles();
    story.start("b", kind);
    story.start("c", kind);
    story.settles();
    for name in ["a", "b", "c"] {
        story.leaves(name);
    }
    story.has_committed_all_it_read();
    story.start("a", kind);
    story.settles();
}

/// A static member that comes back within its session finds its partitions, and the others notice nothing.
pub(crate) fn static_members_come_back(story: &mut Story, kind: Kind) {
    story.start_static("a", kind);
    story.start_static("b", kind);
    story.settles();
    for name in ["a", "b"] {
        let other = if name == "a" { "b" } else { "a" };
        let owned = story.owned_by(name);
        let changes = story.changes_of(other);
        story.leaves(name);
        story.start_static(name, kind);
        story.settles();
        assert_eq!(story.owned_by(name), owned, "the partitions of {name} before and after");
        assert_eq!(story.changes_of(other), changes, "what {other} was told while {name} was away");
    }
}

/// The members go on when their broker is back; then there are none while it crashes once more.
pub(crate) fn a_group_survives_its_broker(story: &mut Story, kind: Kind) {
    story.start("a", kind);
    story.start("b", kind);
    story.settles();
    story.the_broker_crashes();
    story.settles();
    // A client that does not know its coordinator again yet cannot say that it leaves.
    story.leaves("a");
    story.settles();
    // With nobody there to know it, only the log can tell what was committed.
    story.leaves("b");
    story.the_broker_crashes();
    story.has_committed_all_it_read();
    story.start("c", kind);
    story.settles();
}

/// Members of the classic protocol are replaced by members of KIP-848's, and those by members of the classic one again.
pub(crate) fn a_group_changes_its_protocol_and_back(story: &mut Story, classic: Kind) {
    story.start("a", classic);
    story.start("b", classic);
    story.settles();
    story.start("c", classic.of_kip_848());
    story.settles();
    story.leaves("a");
    story.settles_at_once();
    story.start("a", classic.of_kip_848());
    story.settles();
    story.crashes("b");
    story.settles();
    story.start("b", classic);
    story.settles();
    // The group is a classic one again as soon as the last member of KIP-848's is gone, and has another generation than the one
    // that the others know until they have joined again: their commits are refused meanwhile, by the real Kafka too.
    story.commits_may_be_refused();
    story.leaves("c");
    story.leaves("a");
    story.settles_at_once();
}
