//! The broker as a process: how it starts, refuses to start, stops, and what strangers cannot do to it.

#![expect(clippy::expect_used, reason = "an integration test is a test as a whole")]
#![expect(clippy::disallowed_methods, reason = "a test that waits looks at the clock")]

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use test_support::{Tidelog, free_port, wait_until};

const BINARY: &str = env!("CARGO_BIN_EXE_tidelog");

fn start(dir: &TempDir, settings: &[&str]) -> Tidelog {
    Tidelog::start(BINARY, dir.path().join("data"), settings)
}

/// Runs `serve` for a start that must fail.
fn refused_start(data: &Path, arguments: &[&str]) -> Output {
    let listen = format!("127.0.0.1:{}", free_port());
    let output = Command::new(BINARY)
        .args(["serve", "--data"])
        .arg(data)
        .args(["--listen", &listen])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs");
    assert!(!output.status.success(), "it started");
    output
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the broker takes connections");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout can be set");
    stream
}

/// A frame with a request header of version 1 and this body.
fn request(key: i16, version: i16, correlation_id: i32, body: &[u8]) -> Vec<u8> {
    let size = i32::try_from(2 + 2 + 4 + 2 + body.len()).expect("a test's request is small");
    let mut frame = size.to_be_bytes().to_vec();
    frame.extend(key.to_be_bytes());
    frame.extend(version.to_be_bytes());
    frame.extend(correlation_id.to_be_bytes());
    frame.extend((-1_i16).to_be_bytes());
    frame.extend(body);
    frame
}

fn api_versions(correlation_id: i32) -> Vec<u8> {
    request(18, 0, correlation_id, &[])
}

/// Metadata version 4 of no topics.
fn metadata(correlation_id: i32) -> Vec<u8> {
    request(3, 4, correlation_id, &[0, 0, 0, 0, 0])
}

/// Fetch version 4 of partition 0 of a topic, waiting up to `wait_ms` for a byte.
fn fetch(correlation_id: i32, topic: &str, wait_ms: i32) -> Vec<u8> {
    let mut body = Vec::new();
    body.extend((-1_i32).to_be_bytes());
    body.extend(wait_ms.to_be_bytes());
    body.extend(1_i32.to_be_bytes());
    body.extend((1_i32 << 20).to_be_bytes());
    body.push(0);
    body.extend(1_i32.to_be_bytes());
    body.extend(i16::try_from(topic.len()).expect("a short name").to_be_bytes());
    body.extend(topic.as_bytes());
    body.extend(1_i32.to_be_bytes());
    body.extend(0_i32.to_be_bytes());
    body.extend(0_i64.to_be_bytes());
    body.extend((1_i32 << 20).to_be_bytes());
    request(1, 4, correlation_id, &body)
}

/// Metadata version 4 that has a topic created.
fn create_by_metadata(correlation_id: i32, topic: &str) -> Vec<u8> {
    let mut body = 1_i32.to_be_bytes().to_vec();
    body.extend(i16::try_from(topic.len()).expect("a short name").to_be_bytes());
    body.extend(topic.as_bytes());
    body.push(1);
    request(3, 4, correlation_id, &body)
}

/// Reads one answer and gives its correlation id.
fn answer(stream: &mut TcpStream) -> i32 {
    let mut size = [0; 4];
    stream.read_exact(&mut size).expect("an answer comes");
    let mut answer = vec![0; usize::try_from(i32::from_be_bytes(size)).expect("a size")];
    stream.read_exact(&mut answer).expect("the whole answer comes");
    i32::from_be_bytes(*answer.first_chunk().expect("a correlation id"))
}

fn is_closed(stream: &mut TcpStream) -> bool {
    match stream.read(&mut [0; 16]) {
        Ok(0) => true,
        Ok(_) => false,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

/// Resident memory of the broker, bytes.
fn resident(broker: &Tidelog) -> u64 {
    let pid = broker.pid().expect("it runs");
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process has a status");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("it has resident memory");
    line.split_whitespace().nth(1).and_then(|kb| kb.parse::<u64>().ok()).expect("a number") << 10
}

#[test]
fn a_data_directory_in_use_is_refused() {
    let dir = TempDir::new().expect("a directory");
    let _broker = start(&dir, &[]);
    let output = refused_start(&dir.path().join("data"), &[]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("in use"), "{said}");
}

#[test]
fn the_directory_of_a_real_kafka_is_refused_and_left_as_it_is() {
    let dir = TempDir::new().expect("a directory");
    let data = dir.path().join("data");
    std::fs::create_dir_all(data.join("__cluster_metadata-0")).expect("a directory");
    let meta = "#\nversion=1\nnode.id=1\ndirectory.id=KqMOAQXDSIO9_Z4RbHCHvQ\ncluster.id=5L6g3nShT-eMCtK--X86sw\n";
    std::fs::write(data.join("meta.properties"), meta).expect("a file");
    let output = refused_start(&data, &[]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("Kafka"), "{said}");
    assert_eq!(std::fs::read_to_string(data.join("meta.properties")).expect("a file"), meta);
    assert!(std::fs::read_dir(data.join("__cluster_metadata-0")).expect("a directory").next().is_none());
}

/// A data directory with a topic, as a clean stop leaves it.
fn with_a_topic(dir: &TempDir, topic: &str) {
    let mut broker = start(dir, &[]);
    let mut stream = connect(broker.address());
    stream.write_all(&create_by_metadata(1, topic)).expect("it is sent");
    assert_eq!(answer(&mut stream), 1);
    assert!(broker.stop().success());
}

#[test]
fn logs_without_the_metadata_log_are_not_forgotten() {
    let dir = TempDir::new().expect("a directory");
    with_a_topic(&dir, "orders");
    let data = dir.path().join("data");
    std::fs::remove_dir_all(data.join("__cluster_metadata-0")).expect("it is there");
    let output = refused_start(&data, &[]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("missing") && said.contains("orders-0"), "{said}");
    assert!(data.join("orders-0").exists());
}

#[test]
fn a_log_that_is_gone_is_offline_and_not_made_anew() {
    let dir = TempDir::new().expect("a directory");
    with_a_topic(&dir, "orders");
    let lost = dir.path().join("data/orders-0");
    std::fs::remove_dir_all(&lost).expect("it is there");
    let broker = start(&dir, &[]);
    let mut stream = connect(broker.address());
    stream.write_all(&fetch(7, "orders", 0)).expect("it is sent");
    let mut answer = [0; 4 + 4 + 4 + 4 + 2 + 6 + 4 + 4 + 2];
    stream.read_exact(&mut answer).expect("it is answered");
    assert!(answer.ends_with(&[0, 56]), "KAFKA_STORAGE_ERROR: {answer:?}");
    assert!(broker.log().contains("partition offline") && broker.log().contains("orders-0"), "{}", broker.log());
    assert!(!lost.exists());
}

#[test]
fn a_metadata_record_that_was_changed_is_not_believed() {
    let dir = TempDir::new().expect("a directory");
    with_a_topic(&dir, "orders");
    let data = dir.path().join("data");
    let log = data.join("__cluster_metadata-0/00000000000000000000.log");
    let mut bytes = std::fs::read(&log).expect("the metadata log");
    let place = bytes.windows(6).position(|window| window == b"orders").expect("the topic's name");
    *bytes.get_mut(place).expect("its first letter") = b'0';
    std::fs::write(&log, bytes).expect("the metadata log");
    let output = refused_start(&data, &[]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("checksum"), "{said}");
}

#[test]
fn a_config_that_does_not_parse_stops_the_start_before_it_touches_data() {
    let dir = TempDir::new().expect("a directory");
    let (data, file) = (dir.path().join("data"), dir.path().join("server.properties"));
    std::fs::write(&file, "# broker\nnum.partitions=many\n").expect("a file");
    let file = file.to_str().expect("a path");
    let output = refused_start(&data, &["--config", file]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for part in [file, "2", "num.partitions", "many"] {
        assert!(said.contains(part), "{part} is not in: {said}");
    }
    assert!(!data.exists());
}

#[test]
fn an_address_that_cannot_be_had_stops_the_start_before_it_touches_data() {
    let dir = TempDir::new().expect("a directory");
    let data = dir.path().join("data");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let in_use = taken.local_addr().expect("it is bound").to_string();
    for (listen, problem) in [(in_use.as_str(), "in use"), ("no-such-host.invalid:9092", "not known")] {
        let mut serve = Command::new(BINARY);
        serve.args(["serve", "--listen", listen, "--data"]).arg(&data).stdin(Stdio::null());
        let output = serve.output().expect("the binary runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(listen) && said.contains(problem), "{said}");
        assert!(!data.exists(), "{listen}");
    }
}

#[test]
fn a_config_in_latin_1_is_read_as_java_reads_it() {
    let dir = TempDir::new().expect("a directory");
    let (data, file) = (dir.path().join("data"), dir.path().join("server.properties"));
    std::fs::write(&file, b"# gro\xdf\nbroker.rack=caf\xe9\nnum.partitions=many\n").expect("a file");
    let output = refused_start(&data, &["--config", file.to_str().expect("a path")]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("line 3") && said.contains("num.partitions"), "{said}");
}

#[test]
fn an_unknown_key_and_a_security_key_stop_the_start() {
    let dir = TempDir::new().expect("a directory");
    let unknown = refused_start(&dir.path().join("data"), &["--set", "num.partition=3"]);
    let said = String::from_utf8_lossy(&unknown.stderr);
    assert!(said.contains("num.partitions"), "{said}");
    let security = refused_start(&dir.path().join("data"), &["--set", "authorizer.class.name=x"]);
    let said = String::from_utf8_lossy(&security.stderr);
    assert!(said.contains("authorizer.class.name"), "{said}");
}

#[test]
fn more_files_may_be_open_than_the_soft_limit_of_the_shell_says() {
    let dir = tempfile::tempdir().expect("a directory");
    let address = format!("127.0.0.1:{}", free_port());
    let mut broker = Command::new("sh")
        .args(["-c", "ulimit -Sn 64 && exec \"$0\" \"$@\"", BINARY, "serve", "--listen", &address, "--data"])
        .arg(dir.path().join("data"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell runs");
    let connections: Vec<TcpStream> = std::iter::from_fn(|| {
        wait_until("a connection", Duration::from_secs(20), || TcpStream::connect(&address).is_ok());
        TcpStream::connect(&address).ok()
    })
    .take(100)
    .collect();
    for mut stream in connections {
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout can be set");
        stream.write_all(&api_versions(7)).expect("the broker reads");
        assert_eq!(answer(&mut stream), 7);
    }
    broker.kill().expect("it can be ended");
    broker.wait().expect("it ends");
}

#[test]
fn sigterm_answers_what_waits_and_leaves_a_clean_mark() {
    let dir = TempDir::new().expect("a directory");
    let mut broker = start(&dir, &[]);
    let mut stream = connect(broker.address());
    stream.write_all(&create_by_metadata(1, "t")).expect("it is sent");
    assert_eq!(answer(&mut stream), 1);
    // They arrive together and are handled in one turn: the fetch waits when the first answer comes.
    stream.write_all(&[api_versions(2), fetch(3, "t", 60_000), metadata(4)].concat()).expect("they are sent");
    assert_eq!(answer(&mut stream), 2);
    let waits = std::thread::spawn(move || (answer(&mut stream), answer(&mut stream)));
    let began = Instant::now();
    assert!(broker.stop().success());
    assert!(began.elapsed() < Duration::from_secs(20), "it waited for the fetch");
    let answered = waits.join().expect("both are answered");
    assert_eq!(answered, (3, 4));
    assert!(broker.log().contains("stopped cleanly"));
    broker.restart();
    assert!(!broker.log().contains("what a crash left behind"));
}

#[test]
fn pipelined_requests_are_answered_in_order_while_the_first_waits() {
    let dir = TempDir::new().expect("a directory");
    let broker = start(&dir, &[]);
    let mut stream = connect(broker.address());
    stream.write_all(&create_by_metadata(1, "t")).expect("it is sent");
    assert_eq!(answer(&mut stream), 1);
    let mut all = fetch(2, "t", 500);
    for id in 3..100 {
        all.extend(if id % 2 == 0 { api_versions(id) } else { metadata(id) });
    }
    let began = Instant::now();
    stream.write_all(&all).expect("they are sent");
    for id in 2..100 {
        assert_eq!(answer(&mut stream), id);
    }
    assert!(began.elapsed() >= Duration::from_millis(500), "the fetch did not wait");
}

#[test]
fn requests_that_are_here_are_handled_when_sending_the_answers_before_them_made_room() {
    let dir = TempDir::new().expect("a directory");
    let broker = start(&dir, &["connection.unsent.bytes.max=1"]);
    let mut stream = connect(broker.address());
    stream.write_all(&(0..100).flat_map(api_versions).collect::<Vec<_>>()).expect("they are sent");
    for id in 0..100 {
        assert_eq!(answer(&mut stream), id);
    }
}

/// Produce version 3 with acks=1 to a topic that is not there, `size` bytes long.
fn large_produce(correlation_id: i32, size: usize) -> Vec<u8> {
    let mut body = (-1_i16).to_be_bytes().to_vec();
    body.extend(1_i16.to_be_bytes());
    body.extend([0; 4]);
    body.extend(1_i32.to_be_bytes());
    body.extend([0, 1, b'x']);
    body.extend(1_i32.to_be_bytes());
    body.extend([0; 4]);
    body.extend(i32::try_from(size).expect("a size").to_be_bytes());
    body.resize(body.len() + size, 0);
    request(0, 3, correlation_id, &body)
}

#[test]
fn large_frames_that_fill_the_memory_for_requests_with_their_first_halves_all_get_through() {
    let dir = TempDir::new().expect("a directory");
    // Twenty times 128 KiB are held for the first halves, and 256 KiB are wanted for the whole.
    let broker = start(
        &dir,
        &["socket.request.max.bytes=262144", "queued.max.request.bytes=2621440", "connection.frame.timeout.ms=600000"],
    );
    let frame = large_produce(7, 200_000);
    let (first, second) = frame.split_at(120_000);
    let mut streams: Vec<_> = (0..25).map(|_| connect(broker.address())).collect();
    for stream in &mut streams {
        stream.write_all(first).expect("it is sent");
    }
    let answered: Vec<_> = streams
        .into_iter()
        .map(|mut stream| {
            let second = second.to_vec();
            std::thread::spawn(move || {
                stream.write_all(&second).expect("it is sent");
                let first = answer(&mut stream);
                // It goes on, and a small request is in nobody's way.
                stream.write_all(&api_versions(8)).expect("it is sent");
                (first, answer(&mut stream), stream)
            })
        })
        .collect();
    for thread in answered {
        let (first, second, _stream) = thread.join().expect("it is answered");
        assert_eq!((first, second), (7, 8));
    }
}

#[test]
fn one_request_for_very_many_configs_is_answered_as_far_as_there_is_room() {
    let dir = TempDir::new().expect("a directory");
    let broker = start(&dir, &["socket.request.max.bytes=100000"]);
    let mut stream = connect(broker.address());
    // DescribeConfigs version 1: 10,000 times all configs of broker 1.
    let mut body = 10_000_i32.to_be_bytes().to_vec();
    for _ in 0..10_000 {
        body.extend([4, 0, 1, b'1', 0xff, 0xff, 0xff, 0xff]);
    }
    body.push(0);
    stream.write_all(&request(32, 1, 1, &body)).expect("it is sent");
    let mut size = [0; 4];
    stream.read_exact(&mut size).expect("an answer comes");
    let size = usize::try_from(i32::from_be_bytes(size)).expect("a size");
    // The refusals have some hundred bytes each.
    assert!((100_000..3_000_000).contains(&size), "{size} bytes");
    let mut body = vec![0; size];
    stream.read_exact(&mut body).expect("the whole answer comes");
    stream.write_all(&api_versions(2)).expect("it is sent");
    assert_eq!(answer(&mut stream), 2);
}

#[test]
fn frames_that_lie_about_their_size_close_that_connection_only() {
    let dir = TempDir::new().expect("a directory");
    let broker = start(&dir, &[]);
    let mut good = connect(broker.address());
    for size in [-1_i32, 0, i32::MIN, i32::MAX, 104_857_601] {
        let mut liar = connect(broker.address());
        liar.write_all(&size.to_be_bytes()).expect("it is sent");
        assert!(is_closed(&mut liar), "size {size}");
    }
    good.write_all(&api_versions(7)).expect("it is sent");
    assert_eq!(answer(&mut good), 7);
}

#[test]
fn a_hundred_strangers_who_claim_large_frames_cost_little_and_hold_nobody_up() {
    let dir = TempDir::new().expect("a directory");
    let broker = start(&dir, &[]);
    let before = resident(&broker);
    let strangers: Vec<_> = (0..100)
        .map(|_| {
            let mut stream = connect(broker.address());
            stream.write_all(&100_000_000_i32.to_be_bytes()).expect("it is sent");
            stream.write_all(&[0; 1000]).expect("it is sent");
            stream
        })
        .collect();
    let mut good = connect(broker.address());
    good.write_all(&metadata(7)).expect("it is sent");
    assert_eq!(answer(&mut good), 7);
    let cost = resident(&broker).saturating_sub(before);
    assert!(cost < 100 * (32 << 10), "{cost} bytes for {} connections", strangers.len());
}

#[test]
fn a_client_that_takes_no_answers_is_not_read_for_ever() {
    let dir = TempDir::new().expect("a directory");
    let broker = start(&dir, &["connection.unsent.bytes.max=65536", "connections.max.idle.ms=600000"]);
    let mut greedy = connect(broker.address());
    greedy.set_nonblocking(true).expect("it can");
    let requests: Vec<u8> = (0..1000).flat_map(api_versions).collect();
    // It sends until nobody takes any more; a broker that went on reading would take hundreds of megabytes.
    let mut sent = 0;
    let mut refusals = 0;
    while refusals < 20 && sent < 200 << 20 {
        match greedy.write(&requests) {
            Ok(bytes) => (sent, refusals) = (sent + bytes, 0),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                refusals += 1;
                std::thread::sleep(Duration::from_millis(50));
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(sent < 100 << 20, "{sent} bytes were taken from a client that reads nothing");
    assert!(resident(&broker) < 64 << 20);
    let mut good = connect(broker.address());
    good.write_all(&api_versions(7)).expect("it is sent");
    assert_eq!(answer(&mut good), 7);
}

#[test]
fn a_connection_beyond_the_limit_is_closed_and_a_place_is_free_again_afterwards() {
    let dir = TempDir::new().expect("a directory");
    let broker = start(&dir, &["max.connections.per.ip=2"]);
    // The connection that found the broker ready may still be counted.
    let ask = |stream: &mut TcpStream| stream.write_all(&api_versions(1)).is_ok() && !is_closed(stream);
    let mut two = Vec::new();
    wait_until("two places", Duration::from_secs(20), || {
        let mut stream = connect(broker.address());
        if ask(&mut stream) {
            two.push(stream);
        }
        two.len() == 2
    });
    assert!(!ask(&mut connect(broker.address())), "a third was served");
    drop(two);
    wait_until("a free place", Duration::from_secs(20), || ask(&mut connect(broker.address())));
}

#[test]
fn a_topic_survives_a_kill() {
    let dir = TempDir::new().expect("a directory");
    let mut broker = start(&dir, &[]);
    let mut stream = connect(broker.address());
    stream.write_all(&create_by_metadata(1, "t")).expect("it is sent");
    assert_eq!(answer(&mut stream), 1);
    broker.kill();
    broker.restart();
    let mut stream = connect(broker.address());
    stream.write_all(&fetch(2, "t", 0)).expect("it is sent");
    assert_eq!(answer(&mut stream), 2);
}
