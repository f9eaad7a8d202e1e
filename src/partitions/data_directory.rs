//! The directory that holds all logs, as those see it who describe the broker: its name, its id, its room.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use model::TopicId;
use storage::LogManager;
use storage::disk::Space;

/// The data directory.
#[derive(Debug)]
pub(crate) struct DataDirectory {
    log_manager: Arc<LogManager>,
    path: String,
}

impl DataDirectory {
    /// The directory of these logs.
    pub(crate) fn new(log_manager: Arc<LogManager>) -> Self {
        let dir = log_manager.dir();
        let path = std::path::absolute(dir).unwrap_or_else(|_| PathBuf::from(dir));
        Self { path: path.to_string_lossy().into_owned(), log_manager }
    }

    /// Its absolute path.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Its id.
    pub(crate) fn id(&self) -> TopicId {
        self.log_manager.directory_id()
    }

    /// The id of the cluster that it belongs to.
    pub(crate) fn cluster_id(&self) -> &str {
        self.log_manager.cluster_id()
    }

    /// The room on its volume.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn space(&self) -> io::Result<Space> {
        self.log_manager.space()
    }
}
