//! That the simulated disk loses what it must be able to lose, and keeps what it must keep.

use super::*;

fn write(disk: &SimulatedDisk, path: &str, bytes: &[u8]) -> Arc<dyn DiskFile> {
    let file = disk.open(Path::new(path), OpenMode::Replace).unwrap();
    file.write_all_at(bytes, &[], 0).unwrap();
    file
}

/// What is at `path` after a crash, over many seeds.
fn after_crashes(path: &str, prepare: impl Fn(&SimulatedDisk)) -> Vec<Option<Vec<u8>>> {
    let outcomes = (0..200).map(|seed| {
        let disk = SimulatedDisk::new();
        prepare(&disk);
        disk.crash(seed);
        crate::disk::read_file(&disk, Path::new(path), 1 << 20).ok()
    });
    let mut outcomes: Vec<_> = outcomes.collect();
    outcomes.sort();
    outcomes.dedup();
    outcomes
}

#[test]
fn a_synced_file_with_a_synced_name_survives() {
    let outcomes = after_crashes("/a", |disk| {
        write(disk, "/a", b"bytes").sync_all().unwrap();
        disk.sync_directory(Path::new("/")).unwrap();
    });
    assert_eq!(outcomes, [Some(b"bytes".to_vec())]);
}

#[test]
fn without_a_sync_of_the_directory_the_name_may_be_gone() {
    let outcomes = after_crashes("/a", |disk| write(disk, "/a", b"bytes").sync_all().unwrap());
    assert_eq!(outcomes, [None, Some(b"bytes".to_vec())]);
}

#[test]
fn without_a_sync_of_the_file_any_part_may_be_gone() {
    let outcomes = after_crashes("/a", |disk| {
        let _file = write(disk, "/a", &[7; 9000]);
        disk.sync_directory(Path::new("/")).unwrap();
    });
    assert!(outcomes.contains(&Some(vec![])) && outcomes.contains(&Some(vec![7; 9000])));
    assert!(outcomes.contains(&Some(vec![0; 9000])), "the size came, the bytes did not");
    assert!(outcomes.len() > 20, "torn in many ways");
}

#[test]
fn a_rename_and_a_cut_may_be_undone() {
    let outcomes = after_crashes("/a", |disk| {
        write(disk, "/a", b"old").sync_all().unwrap();
        write(disk, "/b", b"new").sync_all().unwrap();
        disk.sync_directory(Path::new("/")).unwrap();
        disk.rename(Path::new("/b"), Path::new("/a")).unwrap();
    });
    assert_eq!(outcomes, [Some(b"new".to_vec()), Some(b"old".to_vec())]);
    let outcomes = after_crashes("/a", |disk| {
        let file = write(disk, "/a", b"longer");
        file.sync_all().unwrap();
        disk.sync_directory(Path::new("/")).unwrap();
        file.set_size(4).unwrap();
    });
    assert!(outcomes.contains(&Some(b"longer".to_vec())) && outcomes.contains(&Some(b"long".to_vec())));
}

#[test]
fn after_a_failed_sync_the_next_succeeds_and_the_bytes_are_lost() {
    let outcomes = after_crashes("/a", |disk| {
        disk.inject(Fault { kind: FaultKind::SyncFile, after: 0, error: io::ErrorKind::Other, is_lasting: false });
        let file = write(disk, "/a", b"bytes");
        disk.sync_directory(Path::new("/")).unwrap();
        assert!(file.sync_data().is_err());
        file.sync_data().unwrap();
    });
    assert_eq!(outcomes, [Some(vec![0; 5])]);
}

#[test]
fn a_stopped_machine_does_nothing_and_old_handles_are_dead() {
    let disk = SimulatedDisk::new();
    let file = write(&disk, "/a", b"x");
    disk.halt_after(1);
    file.write_all_at(b"y", &[], 1).unwrap();
    assert!(file.write_all_at(b"z", &[], 2).is_err() && disk.exists(Path::new("/a")).is_err());
    disk.crash(1);
    assert!(file.write_all_at(b"z", &[], 2).is_err(), "open before the crash");
    assert!(disk.exists(Path::new("/a")).is_ok());
}

#[test]
fn a_lock_is_held_until_its_file_is_dropped() {
    let disk = SimulatedDisk::new();
    let first = write(&disk, "/lock", b"");
    let second = disk.open(Path::new("/lock"), OpenMode::Write).unwrap();
    assert!(first.try_lock().unwrap() && !second.try_lock().unwrap());
    drop(first);
    assert!(second.try_lock().unwrap());
}
