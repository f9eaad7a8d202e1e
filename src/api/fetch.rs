//! Fetch (key 1), versions 4-18. v5 log start offset; v7 sessions (KIP-227); v9 leader epochs (KIP-320); v11 racks; v12
//! flexible, diverging epochs; v13 names topics by id; v15 moves the replica's id; v18 the replica's high watermark.
//! Not here: followers. There is one replica, so that who fetches as another one is refused.

mod attempt;

use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use model::{ErrorCode, IsolationLevel, TopicId};
use protocol::ApiKey;
use protocol::messages::fetch::{FetchRequest, FetchResponse, FetchableTopicResponse, ForgottenTopic, PartitionData};

use super::{Answer, Api, Reply, RequestContext};
use crate::broker::Broker;
use crate::partitions::{FetchPlan, FetchSession, FetchWait, PartitionKey, SessionPartition, lock};
use attempt::{Attempt, Found, Target, has_records};

/// The first version that names topics by id.
const IDS_FROM: i16 = 13;

pub(super) struct Fetch;

impl Api for Fetch {
    const KEY: ApiKey = ApiKey::Fetch;
    const VERSIONS: RangeInclusive<i16> = 4..=18;
    type Request<'frame> = FetchRequest<'frame>;
    type Response = FetchResponse;

    fn handle(broker: &Arc<Broker>, context: &RequestContext<'_>, request: FetchRequest<'_>) -> Reply<FetchResponse> {
        let by_id = context.version >= IDS_FROM;
        let isolation = match IsolationLevel::from_wire(request.isolation_level) {
            Ok(isolation) => isolation,
            Err(code) => return Reply::now(failed(code)),
        };
        let (asked, forgotten) = (asked(&request, by_id), forgotten(&request.forgotten_topics_data, by_id));
        let session = (request.session_id, request.session_epoch);
        let plan = match broker.fetch_sessions.plan(session, by_id, (asked, &forgotten), broker.clock.tick()) {
            Ok(plan) => plan,
            Err(error) => return Reply::now(failed(error.into())),
        };
        let image = broker.metadata.image();
        let bytes_max = request.max_bytes.min(image.broker.fetch_max_bytes).max(0);
        let (asked, scope) = Scope::of(plan, by_id);
        let mut targets: Vec<Target> = asked.into_iter().map(|asked| Target::resolve(&image, asked, by_id)).collect();
        if request.replica_id.max(request.replica_state.replica_id) >= 0 {
            targets.iter_mut().for_each(Target::refuse_follower);
        }
        let attempt = Attempt { targets, isolation, version: context.version, bytes_max: bytes_max.unsigned_abs() };
        let bytes_min = u64::from(request.min_bytes.clamp(0, bytes_max).unsigned_abs());
        let wait_max = Duration::from_millis(u64::from(request.max_wait_ms.max(0).unsigned_abs()));
        let found = attempt.run();
        if found.is_enough(bytes_min) || wait_max.is_zero() || attempt.targets.is_empty() || broker.is_stopping() {
            return Reply::Now(scope.answer(broker, &attempt, found));
        }
        let broker = Arc::clone(broker);
        Reply::Later(Box::pin(async move {
            let found = wait_for_bytes(&broker, &attempt, bytes_min, wait_max).await;
            scope.answer(&broker, &attempt, found)
        }))
    }
}

/// Looks again each time that enough may have come, until enough has or the time is up.
async fn wait_for_bytes(broker: &Broker, attempt: &Attempt, bytes_min: u64, wait_max: Duration) -> Found {
    let mut expired = std::pin::pin!(tokio::time::sleep(wait_max));
    let partitions = attempt.partitions();
    loop {
        // Looking after the registration: what comes from here on wakes us.
        let wait = FetchWait::begin(partitions.clone(), attempt.isolation);
        let found = attempt.run();
        if found.is_enough(bytes_min) || broker.is_stopping() {
            return found;
        }
        wait.expect(bytes_min.saturating_sub(found.bytes()));
        // Both arms are cancel-safe: the timer is kept, a dropped wait is forgotten.
        tokio::select! {
            biased;
            () = wait.done() => {}
            () = &mut expired => return attempt.run(),
        }
    }
}

/// An answer that is only an error.
fn failed(code: ErrorCode) -> FetchResponse {
    FetchResponse { error_code: code.code(), ..FetchResponse::default() }
}

fn key(topic: &str, topic_id: TopicId, partition: i32, by_id: bool) -> PartitionKey {
    let (topic, topic_id) = if by_id { ("", topic_id) } else { (topic, TopicId::ZERO) };
    PartitionKey { topic_id, topic: Arc::from(topic), partition }
}

fn asked(request: &FetchRequest<'_>, by_id: bool) -> Vec<SessionPartition> {
    let mut asked = Vec::new();
    for topic in &request.topics {
        for partition in &topic.partitions {
            asked.push(SessionPartition {
                key: key(topic.topic, topic.topic_id, partition.partition, by_id),
                fetch_offset: partition.fetch_offset,
                max_bytes: partition.partition_max_bytes,
                current_leader_epoch: partition.current_leader_epoch,
                last_fetched_epoch: partition.last_fetched_epoch,
                told_high_watermark: -1,
                told_log_start_offset: -1,
            });
        }
    }
    asked
}

fn forgotten(topics: &[ForgottenTopic<'_>], by_id: bool) -> Vec<PartitionKey> {
    let each = |topic: &ForgottenTopic<'_>| {
        let of = |partition: &i32| key(topic.topic, topic.topic_id, *partition, by_id);
        topic.partitions.iter().map(of).collect::<Vec<_>>()
    };
    topics.iter().flat_map(each).collect()
}

/// What the answer covers.
enum Scope {
    /// Everything that was asked for.
    All,
    /// Everything, and a new session if there is room.
    AllAndSession {
        /// Whether the reader names topics by id.
        by_id: bool,
    },
    /// What changed since the session's last answer.
    Changes {
        session: Arc<Mutex<FetchSession>>,
        /// The session's epoch when this request was planned.
        epoch: i32,
    },
}

impl Scope {
    fn of(plan: FetchPlan, by_id: bool) -> (Vec<SessionPartition>, Self) {
        match plan {
            FetchPlan::Sessionless(asked) => (asked, Self::All),
            FetchPlan::NewSession(asked) => (asked, Self::AllAndSession { by_id }),
            FetchPlan::Incremental { session, partitions, epoch } => (partitions, Self::Changes { session, epoch }),
        }
    }

    fn answer(&self, broker: &Broker, attempt: &Attempt, found: Found) -> Answer<FetchResponse> {
        attempt.count(&found, &broker.metrics);
        match self {
            Self::All => assemble(attempt, found, 0, |_, _| true),
            Self::AllAndSession { by_id } => {
                let told = attempt.targets.iter().zip(found.partitions()).map(|(target, data)| SessionPartition {
                    told_high_watermark: data.high_watermark,
                    told_log_start_offset: data.log_start_offset,
                    ..target.asked.clone()
                });
                let random = broker.random_session_id();
                let now = broker.clock.tick();
                let id = broker.fetch_sessions.create(told.collect(), *by_id, now, random);
                assemble(attempt, found, id, |_, _| true)
            }
            Self::Changes { session, epoch } => {
                let mut session = lock(session);
                if session.epoch() != *epoch {
                    return failed(ErrorCode::InvalidFetchSessionEpoch).into();
                }
                let id = session.id();
                assemble(attempt, found, id, |asked, data| is_news(&mut session, asked, data))
            }
        }
    }
}

/// Whether a session's reader does not know this about a partition yet; what it is told is noted.
fn is_news(session: &mut FetchSession, asked: &SessionPartition, data: &PartitionData) -> bool {
    let has_error = data.error_code != ErrorCode::None.code();
    let has_records = has_records(data);
    let is_news = has_records
        || has_error
        || data.diverging_epoch.epoch >= 0
        || data.high_watermark != asked.told_high_watermark
        || data.log_start_offset != asked.told_log_start_offset;
    if is_news {
        // After an error the watermark is told again, whatever it is (as Kafka does).
        let told = if has_error { -1 } else { data.high_watermark };
        session.told(&asked.key, told, data.log_start_offset, has_records);
    }
    is_news
}

/// Groups the partitions that `wants` picks by topic, in their order.
fn assemble(
    attempt: &Attempt,
    found: Found,
    session_id: i32,
    mut wants: impl FnMut(&SessionPartition, &PartitionData) -> bool,
) -> Answer<FetchResponse> {
    let mut body = FetchResponse { session_id, ..FetchResponse::default() };
    let mut slices = Vec::new();
    for (target, (data, slice)) in attempt.targets.iter().zip(found.into_parts()) {
        if !wants(&target.asked, &data) {
            continue;
        }
        if has_records(&data) {
            slices.extend(slice);
        }
        let key = &target.asked.key;
        match body.responses.last_mut() {
            Some(topic) if topic.topic_id == key.topic_id && *topic.topic == *key.topic => topic.partitions.push(data),
            _ => body.responses.push(FetchableTopicResponse {
                topic: key.topic.to_string(),
                topic_id: key.topic_id,
                partitions: vec![data],
            }),
        }
    }
    Answer { body, slices }
}
