use super::*;

const DEFAULTS: Defaults = Defaults { node_id: 1, partitions: 3, replication_factor: 1 };

fn state_with(names: &[&str]) -> State {
    let mut state = State::default();
    for (name, number) in names.iter().zip(1..) {
        let wish = NewTopic { name: (*name).to_owned(), partitions: 2, replication_factor: 1, ..NewTopic::default() };
        let id = TopicId::from_bytes([number; 16]);
        let name = free_name(&state, &wish.name).unwrap();
        let (_, record) = create(&state, &wish, (name, BTreeMap::new()), DEFAULTS, id).unwrap();
        state.replay(record).unwrap();
    }
    state
}

fn created(wish: &NewTopic) -> Result<i32, ErrorCode> {
    let id = TopicId::from_bytes([9; 16]);
    let state = state_with(&["a.b"]);
    let result =
        free_name(&state, &wish.name).and_then(|name| create(&state, wish, (name, BTreeMap::new()), DEFAULTS, id));
    result.map(|(created, _)| created.partitions).map_err(|refused| refused.code)
}

fn wish(name: &str, partitions: i32, replication_factor: i16, assignments: &[(i32, &[i32])]) -> NewTopic {
    let assignments = assignments.iter().map(|(index, brokers)| (*index, brokers.to_vec())).collect();
    NewTopic { name: name.to_owned(), partitions, replication_factor, assignments, configs: Vec::new() }
}

#[test]
fn counts_of_minus_one_are_the_brokers_defaults() {
    assert_eq!(created(&wish("t", -1, -1, &[])), Ok(3));
    assert_eq!(created(&wish("t", 7, 1, &[])), Ok(7));
}

#[test]
fn case_101_each_bad_topic_has_its_code() {
    assert_eq!(created(&wish("..", 1, 1, &[])), Err(ErrorCode::InvalidTopicException));
    assert_eq!(created(&wish("a_b", 1, 1, &[])), Err(ErrorCode::InvalidTopicException));
    assert_eq!(created(&wish("a.b", 1, 1, &[])), Err(ErrorCode::TopicAlreadyExists));
    assert_eq!(created(&wish("t", 0, 1, &[])), Err(ErrorCode::InvalidPartitions));
    assert_eq!(created(&wish("t", 1, 0, &[])), Err(ErrorCode::InvalidReplicationFactor));
    assert_eq!(created(&wish("t", 1, 2, &[])), Err(ErrorCode::InvalidReplicationFactor));
    assert_eq!(created(&wish("t", -1, -1, &[(0, &[1]), (2, &[1])])), Err(ErrorCode::InvalidReplicaAssignment));
    assert_eq!(created(&wish("t", -1, -1, &[(0, &[1, 1])])), Err(ErrorCode::InvalidReplicaAssignment));
    assert_eq!(created(&wish("t", 1, -1, &[(0, &[1])])), Err(ErrorCode::InvalidRequest));
    assert_eq!(created(&wish("t", -1, -1, &[(1, &[1]), (0, &[1])])), Ok(2));
}

#[test]
fn a_topic_only_grows() {
    let state = state_with(&["t"]);
    let grown = |count, assignments| {
        add_partitions(&state, &MorePartitions { name: "t".to_owned(), count, assignments }, 1)
            .map_err(|refused| refused.code)
    };
    assert!(grown(3, None).is_ok());
    assert_eq!(grown(2, None), Err(ErrorCode::InvalidPartitions));
    assert_eq!(grown(4, Some(vec![vec![1]])), Err(ErrorCode::InvalidReplicaAssignment));
    assert_eq!(grown(100_000, None), Err(ErrorCode::PolicyViolation));
}

#[test]
fn a_deleted_topic_is_named_by_name_or_id() {
    let state = state_with(&["t"]);
    let id = TopicId::from_bytes([1; 16]);
    assert_eq!(delete(&state, &TopicRef::Name("t".to_owned())).unwrap().1, id);
    assert_eq!(delete(&state, &TopicRef::Id(id)).unwrap().0.as_str(), "t");
    let code = |topic| delete(&state, &topic).unwrap_err().code;
    assert_eq!(code(TopicRef::Name("x".to_owned())), ErrorCode::UnknownTopicOrPartition);
    assert_eq!(code(TopicRef::Id(TopicId::ZERO)), ErrorCode::UnknownTopicId);
}
