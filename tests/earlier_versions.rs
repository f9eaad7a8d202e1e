//! Data directories that earlier versions wrote (`tests/golden`) are opened by this one, with everything in them. A version
//! that changes a format adds a directory; none is ever changed or taken away.

#![expect(clippy::expect_used, reason = "an integration test is a test as a whole")]

use std::path::Path;
use std::process::Command;

use test_support::Tidelog;

const BINARY: &str = env!("CARGO_BIN_EXE_tidelog");

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder of a temporary directory");
    for entry in from.read_dir().expect("the golden directory is there") {
        let path = entry.expect("it can be listed").path();
        let to = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy(&path, &to);
        } else {
            std::fs::copy(&path, &to).expect("a small file is copied");
        }
    }
}

fn consumed(broker: &Tidelog, partition: &str) -> Vec<String> {
    let output = Command::new(BINARY)
        .args(["consume", "events", "--from", "beginning", "--partition", partition, "--bootstrap-server"])
        .arg(broker.address().to_string())
        .output()
        .expect("the binary runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

fn events(round: u32) -> impl Iterator<Item = String> {
    (1..=40).map(move |number| format!("event {round}.{number} of the golden directory, written by format version 1"))
}

#[test]
fn version_1_is_read_with_every_record_after_a_clean_stop_and_after_a_kill() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/data_directory_v1");
    for is_clean in [true, false] {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let data = dir.path().join("data");
        copy(&golden, &data);
        if !is_clean {
            std::fs::remove_file(data.join(".clean_shutdown")).expect("the mark of a clean stop is there");
        }
        let mut broker = Tidelog::start(BINARY, &data, &[]);
        assert_eq!(consumed(&broker, "0"), events(2).collect::<Vec<_>>());
        let first = events(1).chain(events(3)).chain(["zipped".to_owned()]);
        assert_eq!(consumed(&broker, "1"), first.collect::<Vec<_>>());
        broker.stop();
    }
}
