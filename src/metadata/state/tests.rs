use super::*;
use proptest::prelude::*;

fn id(number: u8) -> WireTopicId {
    WireTopicId(TopicId::from_bytes([number; 16]))
}

fn created(number: u8, name: &str) -> MetadataRecord {
    MetadataRecord::TopicCreated {
        id: id(number),
        name: WireTopicName(TopicName::parse(name).unwrap()),
        partitions: 2,
        unclean_starts: 0,
        configs: BTreeMap::new(),
    }
}

fn replayed(records: impl IntoIterator<Item = MetadataRecord>) -> State {
    let mut state = State::default();
    for record in records {
        state.replay(record).unwrap();
    }
    state
}

#[test]
fn a_topic_deleted_and_created_again_is_another_one() {
    let state = replayed([created(1, "t"), MetadataRecord::TopicDeleted { id: id(1) }, created(2, "t")]);
    assert_eq!(state.id_of("t"), Some(id(2).0));
    assert_eq!(state.retiring().collect::<Vec<_>>(), [id(1).0]);
}

#[test]
fn a_record_that_does_not_follow_is_refused_and_changes_nothing() {
    let mut state = replayed([created(1, "t")]);
    let before = state.clone();
    assert!(state.replay(created(2, "t")).is_err());
    assert!(state.replay(MetadataRecord::TopicDeleted { id: id(9) }).is_err());
    assert!(state.replay(MetadataRecord::PartitionsAdded { id: id(1), partitions: 1 }).is_err());
    assert_eq!(state, before);
}

fn any_record() -> impl Strategy<Value = MetadataRecord> {
    let configs = || prop::collection::btree_map("[a-c]", prop::option::of("[x-z]"), 0..3);
    prop_oneof![
        (0..4_u8, "[a-c]").prop_map(|(number, name)| created(number, &name)),
        (0..4_u8).prop_map(|number| MetadataRecord::TopicDeleted { id: id(number) }),
        (0..4_u8).prop_map(|number| MetadataRecord::TopicFilesRetired { id: id(number) }),
        (0..4_u8, 0..9).prop_map(|(number, partitions)| MetadataRecord::PartitionsAdded { id: id(number), partitions }),
        (0..4_u8, configs())
            .prop_map(|(number, configs)| MetadataRecord::TopicConfigsChanged { id: id(number), configs }),
        (prop::option::of(0..2), configs())
            .prop_map(|(node_id, configs)| MetadataRecord::BrokerConfigsChanged { node_id, configs }),
        ("[a-c]", configs()).prop_map(|(group, configs)| MetadataRecord::GroupConfigsChanged { group, configs }),
        ("[a-c]", configs()).prop_map(|(name, configs)| MetadataRecord::ClientMetricsChanged { name, configs }),
        (0..99_i64).prop_map(|end| MetadataRecord::ProducerIdsReserved { end }),
        ("[a-c]", 0..3_i16).prop_map(|(feature, level)| MetadataRecord::FeatureLevelChanged { feature, level }),
        Just(MetadataRecord::UncleanStart {}),
    ]
}

proptest! {
    #[test]
    fn a_snapshot_replays_to_the_state_it_was_made_of(records in prop::collection::vec(any_record(), 0..40)) {
        let mut state = State::default();
        for record in records {
            // Those that do not follow are refused; the others build the state.
            drop(state.replay(record));
        }
        let mut again = replayed(state.to_records());
        // A broker whose last dynamic config went away is the same as one that never had any.
        state.broker_configs.retain(|_, configs| !configs.is_empty());
        again.broker_configs.retain(|_, configs| !configs.is_empty());
        prop_assert_eq!(again, state);
    }
}
