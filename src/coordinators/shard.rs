//! What the runtime asks of a kind of shard. Each kind has a topic of its own, and a module beside this one.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use coordinator::shard::{Now, Outcome, Producer, ReplayError, ReplyTo};
use model::config::{BrokerConfig, CompressionType};
use model::{ErrorCode, Tick};
use storage::producers::Marker;

use crate::metadata::Image;
use crate::partitions::Partition;

/// A kind of shard: what one partition of an internal topic means, and how it is decided about.
pub(super) trait Shard: Sized + Send + 'static {
    /// The topic whose partitions the shards are of.
    const TOPIC: &'static str;
    /// What the shards hold, for the broker's log: `groups`.
    const WHAT: &'static str;
    /// What one of them is: `group`.
    const ITEM: &'static str;
    /// What can be asked, and what can happen.
    type Event: Send + 'static;
    /// An answer.
    type Reply: Send + 'static;
    /// What the shards go by.
    type Settings: Send;
    /// What is to be done outside once it is durable that it was decided.
    type Effect: Send + 'static;
    /// What it is done with.
    type Hands: Clone + Send + 'static;
    /// What came of it.
    type Report: Send + 'static;

    /// A shard of which nothing is replayed yet.
    fn new(partition: &Partition) -> Self;
    /// How many threads and how much waiting there may be.
    fn limits(config: &BrokerConfig) -> Limits;
    /// What the shards go by, where this is what exists.
    fn settings(image: &Image) -> Self::Settings;
    /// Whether the shards go by the same settings in both images.
    fn goes_by_the_same(before: &Image, after: &Image) -> bool;

    /// What says in which partition the event belongs; `None` where it is for all of them.
    fn key(event: &Self::Event) -> Option<&str>;
    /// The answer while the shard is loaded.
    fn while_loading(event: &Self::Event) -> Result<Self::Reply, ErrorCode>;

    /// Replays a record of the log; in a transaction if `producer` says of whose.
    fn replay(&mut self, key: &[u8], value: Option<&[u8]>, producer: Option<Producer>) -> Result<(), ReplayError>;
    /// Replays the end of a transaction.
    fn replay_marker(&mut self, marker: &Marker);
    /// Refuses whatever the record is about: its bytes are not those that were written. Returns what it is, if that can be
    /// read.
    fn distrust(&mut self, key: &[u8], problem: &str) -> Option<String>;
    /// Whether what the event is about could not be replayed.
    fn is_damaged(&self, event: &Self::Event) -> bool;

    /// All records were replayed.
    fn loaded(&mut self, world: &World<'_, Self>) -> Decision<Self>;
    /// Decides about an event.
    fn on_event(&mut self, world: &World<'_, Self>, event: Self::Event, reply_to: ReplyTo) -> Decision<Self>;
    /// Something came, went or changed since `before`; `None` if that is nothing to the shard.
    fn on_changes(&mut self, world: &World<'_, Self>, before: &Image) -> Option<Decision<Self>>;
    /// Handles one deadline that has come.
    fn on_time(&mut self, world: &World<'_, Self>) -> Decision<Self>;
    /// When there is something to do though nobody asks.
    fn next_deadline(&self) -> Option<Tick>;

    /// Does what was decided. What comes of it is told to the shard, if that is still the same one.
    fn perform(hands: &Self::Hands, effect: Self::Effect) -> Performing<Self::Report>;
    /// Something was done.
    fn on_report(&mut self, world: &World<'_, Self>, report: Self::Report) -> Decision<Self>;
}

/// What a shard decided.
pub(super) type Decision<S> = Outcome<<S as Shard>::Reply, <S as Shard>::Effect>;

/// Something that is being done, and what comes of it.
pub(super) type Performing<R> = Pin<Box<dyn Future<Output = R>>>;

/// Bounds of the threads of one kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// How many threads there are.
    pub(super) threads: usize,
    /// How many events may wait for one thread.
    pub(super) queue_max: usize,
    /// How many bytes of the log are read and replayed at once.
    pub(super) load_bytes: u32,
    /// How long an answer may wait for what it rests on; `None` for as long as it takes.
    pub(super) answered_within: Option<Duration>,
    /// What batches are compressed with.
    pub(super) compression: CompressionType,
}

/// What all events of a turn share.
pub(super) struct World<'a, S: Shard> {
    /// The time.
    pub(super) now: Now,
    /// What shards go by.
    pub(super) settings: &'a S::Settings,
    /// What exists.
    pub(super) image: &'a Arc<Image>,
}
