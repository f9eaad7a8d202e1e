//! Topics and their configs.

use test_support::{SOON, wait_until};

use super::{Session, configs, succeed, unused_name};
use crate::client::{At, Codec, Limit, Partition, Start};
use crate::records::{assert_same, rows};

const TOPIC_ALREADY_EXISTS: i16 = 36;
const INVALID_CONFIG: i16 = 40;
const INVALID_PARTITIONS: i16 = 37;

pub(crate) fn topics_are_created_grown_and_deleted(session: &mut Session) {
    let topic = session.topic(2, &[]);
    let admin = session.admin();
    assert!(succeed(admin.list_topics()).contains(&topic), "the new topic is not listed");
    assert_eq!(succeed(admin.count_partitions(&topic)), 2);
    succeed(admin.create_partitions(&topic, 5));
    wait_until("five partitions", SOON, || matches!(admin.count_partitions(&topic), Ok(5)));
    let shrink = admin.create_partitions(&topic, 3).expect_err("partitions cannot be taken away");
    assert!(matches!(shrink.code, Some(INVALID_PARTITIONS) | None), "{shrink}");

    let last = Partition::new(&topic, 4);
    let records = rows(3);
    let offsets = session.write(&last, Codec::None, &records, 0);
    let read = succeed(session.consumer().fetch(&last, Start::Offset(0), 3));
    assert_same(&records, &offsets, &read, !session.abilities().has(Limit::NoTimestamps));

    let admin = session.admin();
    succeed(admin.delete_topic(&topic));
    wait_until("the topic is gone", SOON, || admin.describe_configs(&topic).is_err());
}

pub(crate) fn a_topic_created_twice_is_refused(session: &mut Session) {
    let topic = session.topic(1, &[]);
    let refusal = session.admin().create_topic(&topic, 2, &configs(&[])).expect_err("the topic is there");
    assert_eq!(refusal.code, Some(TOPIC_ALREADY_EXISTS), "{refusal}");
    assert_eq!(succeed(session.admin().count_partitions(&topic)), 1);
}

pub(crate) fn a_deleted_topic_comes_back_empty(session: &mut Session) {
    let topic = session.topic(1, &[]);
    let partition = Partition::new(&topic, 0);
    session.write(&partition, Codec::None, &rows(10), 0);
    let admin = session.admin();
    succeed(admin.delete_topic(&topic));
    wait_until("the topic's name is free", SOON, || admin.create_topic(&topic, 1, &configs(&[])).is_ok());
    // A reader of the topic that is gone must not be shown its records; a new client knows nothing of it.
    wait_until("the new topic is empty", SOON, || {
        matches!(session.client.list_offset(&partition, At::Latest), Ok(Some(0)))
    });
}

pub(crate) fn configs_are_described_and_altered(session: &mut Session) {
    let topic = session.topic(1, &[("retention.ms", "123456789"), ("cleanup.policy", "delete")]);
    let replacing = session.abilities().has(Limit::AlteringReplaces);
    let admin = session.admin();
    let described = succeed(admin.describe_configs(&topic));
    let value = |key: &str| described.get(key).map(String::as_str);
    assert_eq!(value("retention.ms"), Some("123456789"));
    assert_eq!(value("cleanup.policy"), Some("delete"));
    assert_eq!(value("segment.bytes"), Some("1073741824"), "a default");
    assert_eq!(value("compression.type"), Some("producer"), "a default");

    succeed(admin.alter_configs(&topic, &configs(&[("max.message.bytes", "4000000"), ("segment.bytes", "1048576")])));
    let altered = |admin: &mut dyn crate::client::Admin| {
        admin.describe_configs(&topic).is_ok_and(|now| now["max.message.bytes"] == "4000000")
    };
    wait_until("the altered config", SOON, || altered(&mut *admin));
    let described = succeed(admin.describe_configs(&topic));
    assert_eq!(described["segment.bytes"], "1048576");
    let kept = if replacing { "604800000" } else { "123456789" };
    assert_eq!(described["retention.ms"], kept, "a key that was not named");
}

pub(crate) fn a_config_that_makes_no_sense_is_refused(session: &mut Session) {
    let name = unused_name(session.abilities().name);
    let nonsense = configs(&[("retention.ms", "soon")]);
    let refusal = session.admin().create_topic(&name, 1, &nonsense).expect_err("soon is no number");
    assert!(matches!(refusal.code, Some(INVALID_CONFIG) | None), "{refusal}");

    let topic = session.topic(1, &[]);
    if session.abilities().has(Limit::SilentAboutConfigs) {
        return;
    }
    let refusal = session.admin().alter_configs(&topic, &nonsense).expect_err("soon is no number");
    assert!(matches!(refusal.code, Some(INVALID_CONFIG) | None), "{refusal}");
}
