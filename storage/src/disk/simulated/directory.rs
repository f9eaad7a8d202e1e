//! Directories of the simulated disk: their entries now, those that are durable, and the changes in between.

use std::collections::BTreeMap;

/// A directory: name to inode.
#[derive(Debug, Default)]
pub(super) struct Directory {
    pub(super) current: BTreeMap<String, u64>,
    pub(super) durable: BTreeMap<String, u64>,
}

impl Directory {
    pub(super) fn crash(&mut self) {
        self.current = self.durable.clone();
    }
}

/// A change of one or two directories that happens as a whole or not at all.
#[derive(Debug)]
pub(super) enum Change {
    Add { directory: u64, name: String, inode: u64 },
    Remove { directory: u64, name: String },
    Rename { from: (u64, String), to: (u64, String), inode: u64 },
}

impl Change {
    /// The entries that it sets (to an inode) or takes away.
    pub(super) fn steps(&self) -> Vec<(u64, &str, Option<u64>)> {
        match self {
            Self::Add { directory, name, inode } => vec![(*directory, name, Some(*inode))],
            Self::Remove { directory, name } => vec![(*directory, name, None)],
            Self::Rename { from, to, inode } => vec![(from.0, &from.1, None), (to.0, &to.1, Some(*inode))],
        }
    }

    pub(super) fn touches(&self, inode: u64) -> bool {
        self.steps().iter().any(|(directory, ..)| *directory == inode)
    }
}
