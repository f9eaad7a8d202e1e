use super::*;

fn asked(partition: i32) -> SessionPartition {
    SessionPartition {
        key: PartitionKey { topic_id: TopicId::ZERO, topic: Arc::from("t"), partition },
        fetch_offset: 0,
        max_bytes: 1,
        current_leader_epoch: -1,
        last_fetched_epoch: -1,
        told_high_watermark: -1,
        told_log_start_offset: -1,
    }
}

fn incremental(
    sessions: &FetchSessions,
    id: i32,
    epoch: i32,
    changed: Vec<SessionPartition>,
) -> Result<Vec<i32>, SessionError> {
    match sessions.plan((id, epoch), false, (changed, &[]), Tick::from_ms(0))? {
        FetchPlan::Incremental { partitions, .. } => Ok(partitions.iter().map(|known| known.key.partition).collect()),
        FetchPlan::Sessionless(_) | FetchPlan::NewSession(_) => panic!("not incremental"),
    }
}

#[test]
fn a_session_goes_on_with_what_it_knows_and_what_is_new() {
    let sessions = FetchSessions::new(2, 100);
    let id = sessions.create(vec![asked(0), asked(1)], false, Tick::from_ms(0), 7);
    assert_eq!(id, 7);
    assert_eq!(incremental(&sessions, id, 1, vec![asked(2)]), Ok(vec![0, 1, 2]));
    assert_eq!(incremental(&sessions, id, 1, vec![]), Err(SessionError::WrongEpoch));
    assert_eq!(incremental(&sessions, id, 2, vec![]), Ok(vec![0, 1, 2]));
    assert_eq!(incremental(&sessions, 99, 1, vec![]), Err(SessionError::NotFound));
    let by_id = sessions.plan((id, 3), true, (vec![], &[]), Tick::from_ms(0));
    assert!(matches!(by_id, Err(SessionError::NamesAndIds)));
}

#[test]
fn what_had_data_goes_to_the_end() {
    let sessions = FetchSessions::new(2, 100);
    let id = sessions.create(vec![asked(0), asked(1)], false, Tick::from_ms(0), 7);
    let plan = sessions.plan((id, 1), false, (vec![], &[]), Tick::from_ms(0));
    let Ok(FetchPlan::Incremental { session, .. }) = plan else { panic!("not incremental") };
    lock(&session).told(&asked(0).key, 5, 0, true);
    assert_eq!(incremental(&sessions, id, 2, vec![]), Ok(vec![1, 0]));
}

#[test]
fn a_session_that_forgets_everything_ends() {
    let sessions = FetchSessions::new(2, 100);
    let id = sessions.create(vec![asked(0)], false, Tick::from_ms(0), 7);
    let plan = sessions.plan((id, 1), false, (vec![], &[asked(0).key]), Tick::from_ms(0));
    assert!(matches!(plan, Ok(FetchPlan::Sessionless(_))));
    assert_eq!(incremental(&sessions, id, 2, vec![]), Err(SessionError::NotFound));
}

#[test]
fn slots_and_partitions_are_bounded_and_only_an_unused_session_makes_room() {
    let sessions = FetchSessions::new(1, 3);
    assert_eq!(sessions.create(vec![asked(0)], false, Tick::from_ms(0), 7), 7);
    assert_eq!(sessions.create(vec![asked(0)], false, Tick::from_ms(EVICTION_MS_MIN - 1), 8), 0);
    assert_eq!(sessions.create(vec![asked(0)], false, Tick::from_ms(EVICTION_MS_MIN), 8), 8);
    let too_many = (0..4).map(asked).collect();
    assert_eq!(incremental(&sessions, 8, 1, too_many), Err(SessionError::NotFound));
    assert_eq!(sessions.create((0..4).map(asked).collect(), false, Tick::from_ms(0), 9), 0);
}
