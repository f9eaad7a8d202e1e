//! `leader-epoch-checkpoint`, Kafka's own: at which offset each leader epoch began (KIP-101).
//! `docs/format/leader_epoch_checkpoint.md` describes it.

use std::fmt::Write as _;

use model::{LeaderEpoch, Offset};

/// The name of the file.
pub const FILE_NAME: &str = "leader-epoch-checkpoint";
/// More than any such file has: a leader changes rarely, and 32 bytes hold one change.
pub const SIZE_MAX: u64 = 64 << 20;

/// The file for these epochs.
#[must_use]
pub fn encode(epochs: &[(LeaderEpoch, Offset)]) -> String {
    let mut text = format!("0\n{}\n", epochs.len());
    for (epoch, start) in epochs {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{epoch} {start}");
    }
    text
}

/// The epochs in the file; `None` if it is not such a file, or epochs or offsets do not rise.
#[must_use]
pub fn decode(bytes: &[u8]) -> Option<Vec<(LeaderEpoch, Offset)>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut lines = text.strip_suffix('\n')?.split('\n');
    if lines.next()? != "0" {
        return None;
    }
    let count: usize = lines.next()?.parse().ok()?;
    let mut epochs: Vec<(LeaderEpoch, Offset)> = Vec::new();
    for line in lines {
        let (epoch, start) = line.split_once(' ')?;
        let entry = (LeaderEpoch::new(epoch.parse().ok()?)?, Offset::new(start.parse().ok()?)?);
        if epochs.last().is_some_and(|last| last.0 >= entry.0 || last.1 > entry.1) {
            return None;
        }
        epochs.push(entry);
    }
    (epochs.len() == count).then_some(epochs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(epoch: i32, start: i64) -> (LeaderEpoch, Offset) {
        (LeaderEpoch::new(epoch).unwrap(), Offset::new(start).unwrap())
    }

    #[test]
    fn it_reads_back_and_is_kafkas_text() {
        let epochs = vec![entry(0, 0), entry(4, 17)];
        assert_eq!(encode(&epochs), "0\n2\n0 0\n4 17\n");
        assert_eq!(decode(encode(&epochs).as_bytes()), Some(epochs));
        assert_eq!(decode(b"0\n0\n"), Some(vec![]));
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in [
            "",
            "0\n",
            "1\n0\n",
            "0\n1\n",
            "0\n2\n0 0\n",
            "0\n2\n4 0\n3 9\n",
            "0\n2\n3 9\n4 8\n",
            "0\n1\n-1 0\n",
            "0\n1\n0 x\n",
        ] {
            assert_eq!(decode(bad.as_bytes()), None, "{bad:?}");
        }
    }
}
