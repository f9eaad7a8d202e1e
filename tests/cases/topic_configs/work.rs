//! What clients do to topics, so that their configs show. Each returns the first error code that is none of 0, else 0.

use crate::support::batch::{Batch, GZIP, Record};
use crate::support::client::Client;
use crate::support::now_ms;
use crate::support::topics::Topic;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

fn produce(client: &mut Client, topic: &Topic, batch: &Batch) -> i64 {
    topic.produce(client, batch)["error_code"].as_i64().unwrap()
}

fn produce_all(client: &mut Client, topic: &Topic, batches: impl IntoIterator<Item = Batch>) -> i64 {
    batches.into_iter().map(|batch| produce(client, topic, &batch)).find(|code| *code != 0).unwrap_or(0)
}

fn keyed(key: &str, value: Option<&str>, timestamp: i64) -> Batch {
    let value = value.map(|value| value.as_bytes().to_vec());
    Batch::from(vec![Record { value, ..Record::new(Some(key), &[]) }]).at(timestamp)
}

/// Two records of one key an hour ago, and one of another key now, which begins a segment if those have a minute.
pub(super) fn two_segments(client: &mut Client, topic: &Topic) -> i64 {
    let (now, then) = (now_ms(), now_ms() - HOUR_MS);
    produce_all(client, topic, [keyed("a", Some("1"), then), keyed("a", Some("2"), then), keyed("b", Some("1"), now)])
}

/// The same, where the second record deletes the key.
pub(super) fn tombstone(client: &mut Client, topic: &Topic) -> i64 {
    let (now, then) = (now_ms(), now_ms() - HOUR_MS);
    produce_all(client, topic, [keyed("a", Some("1"), then), keyed("a", None, then), keyed("b", Some("1"), now)])
}

/// Something that compresses better the harder one tries.
pub(super) fn text(client: &mut Client, topic: &Topic) -> i64 {
    let mut state = 7_u32;
    let mut word = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        format!("word{} ", (state >> 16) % 700)
    };
    let text: String = (0..6000).map(|_| word()).collect();
    produce(client, topic, &Batch::from(vec![Record::new(Some("k"), text.as_bytes())]))
}

/// A small batch that becomes larger when it is opened.
pub(super) fn bomb(client: &mut Client, topic: &Topic) -> i64 {
    produce(client, topic, &Batch { attributes: GZIP, ..Batch::of(&["x".repeat(50_000).as_str()]) })
}

/// A compressed batch whose record claims more headers than it has.
pub(super) fn damaged_inside(client: &mut Client, topic: &Topic) -> i64 {
    let good = Batch { attributes: GZIP, ..Batch::of(&["a"]) };
    let mut plain = good.plain_body();
    *plain.last_mut().unwrap() = 2;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut encoder, &plain).unwrap();
    produce(client, topic, &Batch { body: Some(encoder.finish().unwrap()), ..good })
}

/// A batch of now and one of later.
pub(super) fn now_and_later(client: &mut Client, topic: &Topic) -> i64 {
    let times = [now_ms(), now_ms() + HOUR_MS / 2];
    produce_all(client, topic, times.map(|time| Batch::of(&["a"]).at(time)))
}

pub(super) fn in_half_an_hour(client: &mut Client, topic: &Topic) -> i64 {
    produce(client, topic, &Batch::of(&["a"]).at(now_ms() + HOUR_MS / 2))
}

pub(super) fn an_hour_ago(client: &mut Client, topic: &Topic) -> i64 {
    produce(client, topic, &Batch::of(&["a"]).at(now_ms() - HOUR_MS))
}

/// Ten batches, each with a time of its own.
pub(super) fn batches(client: &mut Client, topic: &Topic) -> i64 {
    let now = now_ms();
    produce_all(client, topic, (0..10).map(|number| Batch::of(&["a"]).at(now + number)))
}

/// Ten batches of now, ten of later and one of still later: three segments, if those have a minute. Of times that are over, the
/// broker might begin segments by itself meanwhile.
pub(super) fn three_segments(client: &mut Client, topic: &Topic) -> i64 {
    let now = now_ms();
    let ten = |begin: i64| (0..10).map(move |number| begin + number);
    let times = ten(now).chain(ten(now + HOUR_MS / 4)).chain([now + HOUR_MS / 2]);
    produce_all(client, topic, times.map(|time| Batch::of(&["a"]).at(time)))
}

pub(super) fn two_large_batches(client: &mut Client, topic: &Topic) -> i64 {
    let large = "x".repeat(600_000);
    produce_all(client, topic, (0..2).map(|_| Batch::of(&[large.as_str()])))
}

/// Three batches. The second comes long after the first, the third a second less than a hundred days after the second.
pub(super) fn nearly_a_hundred_days_apart(client: &mut Client, topic: &Topic) -> i64 {
    let now = now_ms();
    let times = [now, now + 150 * DAY_MS, now + 250 * DAY_MS - 1000];
    produce_all(client, topic, times.map(|time| Batch::of(&["a"]).at(time)))
}
