//! The rules of time and the bounds. What is equal to Kafka is in tests/cases, over raw bytes.

use super::*;

const INTERVAL: u64 = 1000;

fn options() -> ClientTelemetryOptions {
    ClientTelemetryOptions { instances_max: 2, series_max: 3 }
}

struct World {
    telemetry: ClientTelemetry,
    configs: Configs,
    attributes: ClientAttributes,
}

impl World {
    fn new(settings: &[(&str, &str)]) -> Self {
        let telemetry = ClientTelemetry::new(options(), Arc::default());
        let mut world = Self { telemetry, configs: Configs::default(), attributes: ClientAttributes::default() };
        world.attributes.client_id = Some("c".to_owned());
        world.configure(settings);
        world
    }

    fn configure(&mut self, settings: &[(&str, &str)]) {
        let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        self.configs = Arc::new(BTreeMap::from([("s".to_owned(), settings.iter().map(own).collect())]));
    }

    fn asker(&self, id: u8) -> Asker<'_> {
        Asker { id: ClientInstanceId::new(TopicId::from_bytes([id; 16])).unwrap(), attributes: &self.attributes }
    }

    fn ask(&self, id: u8, now: u64) -> Result<Subscription, ErrorCode> {
        self.telemetry.subscribe(self.asker(id), &self.configs, Tick::from_ms(now)).1
    }

    fn push(&self, id: u8, subscription_id: i32, is_terminating: bool, now: u64) -> Result<(), ErrorCode> {
        let push = Push { subscription_id, is_terminating, form: Ok(()) };
        self.telemetry.accept(self.asker(id), push, &self.configs, Tick::from_ms(now)).1
    }

    fn export(&self, id: u8, metrics: &[u8], now: u64) -> Result<(), ErrorCode> {
        self.telemetry.export(self.asker(id), Ok(metrics), Tick::from_ms(now))
    }

    fn dropped(&self, reason: super::super::DroppedPoint) -> u64 {
        self.telemetry.metrics.client_points_dropped.total(reason)
    }
}

fn every_second() -> World {
    World::new(&[("interval.ms", "1000"), ("metrics", "a,b")])
}

/// One metric with one point: `field` is the number of its kind, `data` what stands beside the point.
fn metric(name: &str, field: u8, data: &[u8], number: f64) -> Vec<u8> {
    let wrap = |field: u8, content: &[u8]| [&[field << 3 | 2, u8::try_from(content.len()).unwrap()], content].concat();
    let point = [&[4 << 3 | 1][..], &number.to_le_bytes()].concat();
    let data = [wrap(1, &point), data.to_vec()].concat();
    wrap(1, &wrap(2, &wrap(2, &[wrap(1, name.as_bytes()), wrap(field, &data)].concat())))
}

fn gauge(name: &str, number: f64) -> Vec<u8> {
    metric(name, 5, &[], number)
}

fn delta(name: &str, number: f64) -> Vec<u8> {
    metric(name, 7, &[0x10, 1, 0x18, 1], number)
}

#[test]
fn a_question_comes_once_in_an_interval() {
    let world = every_second();
    let subscription = world.ask(1, 50).unwrap();
    assert_eq!((subscription.metrics, subscription.interval_ms), (vec!["a".to_owned(), "b".to_owned()], 1000));
    assert_eq!(world.ask(1, 49 + INTERVAL), Err(ErrorCode::ThrottlingQuotaExceeded));
    assert_eq!(world.ask(1, 50 + INTERVAL).unwrap().id, subscription.id);
    assert_eq!(world.telemetry.metrics.client_throttles.sum(), 1);
}

#[test]
fn the_first_push_after_a_question_comes_at_any_time_and_the_next_after_the_interval() {
    let world = every_second();
    let id = world.ask(1, 0).unwrap().id;
    assert_eq!(world.push(1, id, false, 0), Ok(()));
    assert_eq!(world.push(1, id, false, INTERVAL - 1), Err(ErrorCode::ThrottlingQuotaExceeded));
    assert_eq!(world.push(1, id, false, INTERVAL), Ok(()));
    // The last one may come early.
    assert_eq!(world.push(1, id, true, INTERVAL + 1), Ok(()));
    assert_eq!(world.push(1, id, false, 5 * INTERVAL), Err(ErrorCode::InvalidRequest));
}

#[test]
fn who_has_an_old_subscription_is_told_and_may_ask_at_once() {
    let mut world = every_second();
    let id = world.ask(1, 0).unwrap().id;
    world.configure(&[("interval.ms", "1000"), ("metrics", "*,a")]);
    assert_eq!(world.push(1, id, false, 10), Err(ErrorCode::UnknownSubscriptionId));
    let fresh = world.ask(1, 10).unwrap();
    assert_ne!(fresh.id, id);
    assert_eq!(fresh.metrics, ["*"]);
    assert_eq!(world.telemetry.metrics.client_unknown_subscriptions.sum(), 1);
}

#[test]
fn a_client_that_no_subscription_means_pushes_nothing_every_five_minutes() {
    let world = World::new(&[("metrics", "*"), ("match", "client_id=other"), ("interval.ms", "100")]);
    let subscription = world.ask(1, 0).unwrap();
    assert_eq!((subscription.metrics, subscription.interval_ms), (Vec::new(), 300_000));
}

#[test]
fn the_client_that_was_silent_the_longest_makes_room() {
    let world = every_second();
    for (id, now) in [(1, 0), (2, 1), (1, INTERVAL), (3, INTERVAL)] {
        world.ask(id, now).unwrap();
    }
    assert_eq!(world.telemetry.counts(Tick::from_ms(INTERVAL)).0, 2);
    assert_eq!(world.ask(1, INTERVAL + 1), Err(ErrorCode::ThrottlingQuotaExceeded));
    // The second was forgotten, so it is new.
    assert!(world.ask(2, INTERVAL + 1).is_ok());
}

#[test]
fn silent_clients_and_their_series_expire() {
    let world = every_second();
    world.ask(1, 0).unwrap();
    world.export(1, &gauge("g", 1.0), 0).unwrap();
    assert_eq!(world.telemetry.counts(Tick::from_ms(59_999)), (1, 1));
    assert_eq!(world.telemetry.counts(Tick::from_ms(60_000)), (0, 0));
    assert!(world.telemetry.series().is_empty());
}

#[test]
fn what_was_pushed_outlives_the_connection() {
    let world = every_second();
    world.ask(1, 0).unwrap();
    world.export(1, &gauge("g", 1.0), 0).unwrap();
    world.telemetry.disconnected(world.asker(1).id);
    assert_eq!(world.telemetry.counts(Tick::from_ms(1)), (0, 1));
}

#[test]
fn deltas_add_up_and_gauges_replace() {
    let world = every_second();
    world.ask(1, 0).unwrap();
    for (counted, gauged) in [(2.0, 7.0), (3.0, 4.0)] {
        world.export(1, &delta("org.apache.kafka.producer.sent.total", counted), 1).unwrap();
        world.export(1, &gauge("org.apache.kafka.producer.queue", gauged), 1).unwrap();
    }
    let series = world.telemetry.series();
    let shown: Vec<_> = series.iter().map(|of| (of.name.as_str(), of.is_counter, of.points[0].1)).collect();
    assert_eq!(shown, [("kafka_client_producer_queue", false, 4.0), ("kafka_client_producer_sent", true, 5.0)]);
    assert_eq!(series[0].points[0].0["client_id"], "c");
}

#[test]
fn series_are_bounded_and_what_does_not_fit_is_counted() {
    use super::super::DroppedPoint;
    let world = every_second();
    world.ask(1, 0).unwrap();
    for name in ["a", "b", "c", "d"] {
        world.export(1, &gauge(name, 1.0), 0).unwrap();
    }
    world.export(1, &delta("a", 1.0), 0).unwrap();
    world.export(1, &delta("x", -1.0), 0).unwrap();
    world.export(1, &gauge("b", 2.0), 0).unwrap();
    assert_eq!(world.telemetry.counts(Tick::default()).1, 3);
    let dropped = [DroppedPoint::Full, DroppedPoint::OtherKind, DroppedPoint::NoValue].map(|of| world.dropped(of));
    assert_eq!(dropped, [1, 1, 1]);
}

#[test]
fn metrics_that_cannot_be_read_are_refused_whole() {
    let world = every_second();
    world.ask(1, 0).unwrap();
    let half_good = [gauge("a", 1.0), vec![0xff]].concat();
    assert_eq!(world.export(1, &half_good, 0), Err(ErrorCode::InvalidRecord));
    assert_eq!(world.telemetry.counts(Tick::default()).1, 0);
    assert_eq!(world.telemetry.metrics.client_export_errors.sum(), 1);
}
