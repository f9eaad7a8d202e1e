//! One partition's log (Kafka's `UnifiedLog`): the writer's state behind one lock, and beside it what readers take without.
//!
//! Owns: the parts and what is published of them. Appending is in `append`, reading in `read`, durability in `sync`, the
//! way from disk to here in `recovery`. Does not know: high watermarks, replicas, requests.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use arc_swap::ArcSwap;
use model::config::TopicConfig;
use model::{LeaderEpoch, Offset, Timestamp, TopicId, TopicPartition};

use crate::append::Writer;
use crate::aside::AsideFiles;
use crate::backup::Stillness;
use crate::commit::CommitState;
use crate::compaction::Cleaning;
use crate::epochs::Epochs;
use crate::segment::LogDirectory;
use crate::segments::Segments;
use crate::sync::Syncer;

/// The log of one partition. Shared; all calls are synchronous and may block on the disk.
#[derive(Debug)]
pub struct PartitionLog {
    topic_partition: TopicPartition,
    topic_id: TopicId,
    pub(crate) directory: Arc<LogDirectory>,
    config: ArcSwap<TopicConfig>,
    /// Taken before a segment's state, never after. Not held while anything is synced.
    writer: Mutex<Writer>,
    /// Taken before the writer's lock: one sync at a time.
    syncer: Mutex<Syncer>,
    pub(crate) published: Published,
    pub(crate) commit_state: CommitState,
    pub(crate) aside: AsideFiles,
    pub(crate) cleaning: Cleaning,
    /// What a backup of all logs asks of this one.
    pub(crate) stillness: Arc<Stillness>,
    observer: OnceLock<Observer>,
}

/// What readers see. The writer stores it in this order: bytes and indexes of the segment, the segment's size, the list of
/// segments, the log end offset; so whoever loads the end first finds everything below it.
#[derive(Debug)]
pub(crate) struct Published {
    pub(crate) segments: ArcSwap<Segments>,
    pub(crate) epochs: ArcSwap<Epochs>,
    pub(crate) log_start: AtomicI64,
    /// Where the next sync moves the start to, if that lies behind it.
    pub(crate) requested_start: AtomicI64,
    /// When the start was first asked to move since segments were last deleted; -1 if it was not.
    pub(crate) start_moved_since: AtomicI64,
    pub(crate) log_end: AtomicI64,
    pub(crate) synced: AtomicI64,
    /// -1 for none.
    pub(crate) first_unstable: AtomicI64,
    /// The oldest marker whose transaction is not released; the largest number for none.
    pub(crate) oldest_decided_marker: AtomicI64,
    pub(crate) bytes_appended: AtomicU64,
    /// When the oldest bytes were appended that no sync has taken up; -1 for none.
    pub(crate) unsynced_since: AtomicI64,
    pub(crate) is_checkpoint_due: AtomicBool,
    /// Set once and never cleared: after a failure, or when the topic is deleted.
    pub(crate) offline: AtomicBool,
}

/// What an open log begins with.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) segments: Segments,
    pub(crate) epochs: Epochs,
    pub(crate) log_start: Offset,
    /// Everything below is known to be durable; the log's end, unless a scan found more.
    pub(crate) synced: Offset,
    pub(crate) writer: Writer,
    pub(crate) syncer: Syncer,
}

struct Observer(Box<dyn Fn() + Send + Sync>);

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}

impl Published {
    /// Notes that there are unsynced bytes since `now`, if there were none.
    pub(crate) fn note_unsynced(&self, now: Timestamp) {
        if self.unsynced_since.load(Ordering::Relaxed) < 0 {
            self.unsynced_since.store(now.get(), Ordering::Release);
        }
    }
}

impl PartitionLog {
    pub(crate) fn new(
        topic_partition: TopicPartition,
        topic_id: TopicId,
        config: Arc<TopicConfig>,
        (directory, stillness): (Arc<LogDirectory>, Arc<Stillness>),
        opened: Opened,
    ) -> Self {
        let end = opened.writer.next_offset().get();
        let log = Self {
            topic_partition,
            topic_id,
            directory,
            config: ArcSwap::new(config),
            published: Published {
                segments: ArcSwap::from_pointee(opened.segments),
                epochs: ArcSwap::from_pointee(opened.epochs),
                log_start: AtomicI64::new(opened.log_start.get()),
                requested_start: AtomicI64::new(opened.log_start.get()),
                start_moved_since: AtomicI64::new(-1),
                log_end: AtomicI64::new(end),
                synced: AtomicI64::new(opened.synced.get()),
                first_unstable: AtomicI64::new(-1),
                oldest_decided_marker: AtomicI64::new(i64::MAX),
                bytes_appended: AtomicU64::new(0),
                unsynced_since: AtomicI64::new(-1),
                is_checkpoint_due: AtomicBool::new(false),
                offline: AtomicBool::new(false),
            },
            writer: Mutex::new(opened.writer),
            syncer: Mutex::new(opened.syncer),
            commit_state: CommitState::default(),
            aside: AsideFiles::default(),
            cleaning: Cleaning::default(),
            stillness,
            observer: OnceLock::new(),
        };
        log.publish_unstable(&log.writer());
        log
    }

    /// Its topic's name and its index.
    #[must_use]
    pub const fn topic_partition(&self) -> &TopicPartition {
        &self.topic_partition
    }

    /// The id of this life of its topic.
    #[must_use]
    pub const fn topic_id(&self) -> TopicId {
        self.topic_id
    }

    /// The config it goes by.
    #[must_use]
    pub fn config(&self) -> Arc<TopicConfig> {
        self.config.load_full()
    }

    /// Goes by another config from the next call on.
    pub fn set_config(&self, config: Arc<TopicConfig>) {
        self.config.store(config);
    }

    /// The first offset that readers may see.
    #[must_use]
    pub fn log_start_offset(&self) -> Offset {
        offset(&self.published.log_start)
    }

    /// The offset that the next record will get.
    #[must_use]
    pub fn log_end_offset(&self) -> Offset {
        offset(&self.published.log_end)
    }

    /// Everything below this offset is on stable storage. Never falls.
    #[must_use]
    pub fn synced_offset(&self) -> Offset {
        offset(&self.published.synced)
    }

    /// Bytes that were appended since the log was opened. Never falls.
    #[must_use]
    pub fn bytes_appended(&self) -> u64 {
        self.published.bytes_appended.load(Ordering::Acquire)
    }

    /// When the oldest record was appended that no sync has taken up, by the time that was given with it; `None` if all were.
    #[must_use]
    pub fn unsynced_since(&self) -> Option<Timestamp> {
        let since = self.published.unsynced_since.load(Ordering::Acquire);
        (since >= 0).then_some(Timestamp::new(since))
    }

    /// Bytes of all segments, without their indexes.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.published.segments.load().size_bytes()
    }

    /// The leader epoch that began last.
    #[must_use]
    pub fn latest_epoch(&self) -> Option<LeaderEpoch> {
        self.published.epochs.load().latest()
    }

    /// The largest leader epoch up to `asked` and where it ended: `Epochs::end_of`.
    #[must_use]
    pub fn epoch_end(&self, asked: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        self.published.epochs.load().end_of(asked, self.log_end_offset())
    }

    /// The leader epoch of the record at `offset`; `None` before the first epoch.
    #[must_use]
    pub fn epoch_at(&self, offset: Offset) -> Option<LeaderEpoch> {
        self.published.epochs.load().at(offset)
    }

    /// Notes that a leader with this epoch appends from the log's end on. Records repeat it, so it is as durable as they are.
    pub fn begin_epoch(&self, epoch: LeaderEpoch) {
        let writer = self.writer();
        self.begin_epoch_at(epoch, writer.next_offset());
    }

    pub(crate) fn begin_epoch_at(&self, epoch: LeaderEpoch, start: Offset) {
        // Only with the writer's lock, so nothing is lost between the two.
        if self.published.epochs.load().is_new(epoch) {
            let mut epochs = Epochs::clone(&self.published.epochs.load());
            epochs.begin(epoch, start);
            self.published.epochs.store(Arc::new(epochs));
        }
    }

    /// Whether the log takes part in nothing any more: a disk failed under it, or its topic was deleted.
    #[must_use]
    pub fn is_offline(&self) -> bool {
        self.published.offline.load(Ordering::Acquire)
    }

    /// Sets what is called after the synced offset moved and when the log went offline; only the first call counts. It is
    /// called on the thread that synced or failed, with no lock of the log held but that of the sync, and must not block.
    pub fn on_durable(&self, observer: Box<dyn Fn() + Send + Sync>) {
        if self.observer.set(Observer(observer)).is_err() {
            tracing::debug!(partition = %self.topic_partition, "a second observer of a log is not called");
        }
    }

    pub(crate) fn notify(&self) {
        if let Some(Observer(observer)) = self.observer.get() {
            observer();
        }
    }

    /// Where the segments begin.
    pub(crate) fn segment_base_offsets(&self) -> Vec<Offset> {
        let segments = self.published.segments.load();
        segments.from(Offset::ZERO).iter().map(|segment| segment.base_offset()).collect()
    }

    /// Takes the log offline for good: after this error nobody knows what the disk holds, and a second try could succeed
    /// although data is lost (correctness by "fsyncgate").
    pub(crate) fn take_offline(&self, during: &str, error: &dyn fmt::Display) {
        if !self.published.offline.swap(true, Ordering::AcqRel) {
            tracing::error!(
                partition = %self.topic_partition,
                directory = %self.directory.path.display(),
                "the log goes offline until the next start: {during} failed: {error}"
            );
            self.notify();
        }
    }

    /// Takes the log out of service because its topic is deleted. When it returns, nothing is written to the log's directory
    /// any more: the name may soon be that of another log.
    pub(crate) fn retire(&self) {
        if !self.published.offline.swap(true, Ordering::AcqRel) {
            self.notify();
        }
        // Whoever has one of the locks may be writing; whoever takes it later sees that the log is offline.
        drop(self.syncer());
        drop(self.writer());
    }

    /// Forgets producers that appended nothing for `expiration_ms`, unless they have a transaction open. Returns how many.
    pub fn expire_producers(&self, now: Timestamp, expiration_ms: i64) -> usize {
        self.writer().expire_producers(now, expiration_ms)
    }

    pub(crate) fn writer(&self) -> MutexGuard<'_, Writer> {
        // A panic in between leaves at worst bytes behind the published end, which the next append overwrites.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn syncer(&self) -> MutexGuard<'_, Syncer> {
        // A panic in between leaves segments unsynced that were taken out of the writer's list: give up.
        match self.syncer.lock() {
            Ok(syncer) => syncer,
            Err(poisoned) => {
                self.take_offline("a sync", &"a panic");
                PoisonError::into_inner(poisoned)
            }
        }
    }
}

fn offset(published: &AtomicI64) -> Offset {
    // Only offsets are stored.
    Offset::new(published.load(Ordering::Acquire)).unwrap_or(Offset::ZERO)
}

/// A partition's log as it lies in the data directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundLog {
    /// Its topic's name and its index, from the directory's name.
    pub topic_partition: TopicPartition,
    /// Its topic's id, from `partition.metadata`.
    pub topic_id: TopicId,
}
