//! The records of a keyed log, each of which follows from its offset, and what must be left of them when the log is clean.

use bytes::Bytes;
use model::num::{u64_from_usize, usize_from_u64};

use super::super::BenchError;
use crate::cli::client::record_batch::{BatchBuilder, Record};

/// Letters that values are cut from.
const LETTERS: usize = 1 << 16;
/// No record of a key was written.
const NONE: u32 = u32::MAX;

/// What the records look like.
#[derive(Debug)]
pub(super) struct Keyed {
    letters: Vec<u8>,
    keys: u64,
    records: u64,
    value_bytes: u64,
    /// That of the records, ms since 1970.
    pub(super) timestamp: i64,
}

impl Keyed {
    /// `records` records of `keys` keys, with values of `value_bytes` on average. What is written behind them has a key of its own.
    pub(super) fn new((records, keys): (u64, u64), value_bytes: u64, timestamp: i64) -> Self {
        const ALPHABET: &[u8; 64] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .";
        let letter = |place: u64| ALPHABET.get(usize_from_u64(mix(place) >> 58)).copied().unwrap_or(b'?');
        let letters = (0..u64_from_usize(LETTERS) + 4 * value_bytes).map(letter).collect();
        Self { letters, keys: keys.max(1), records, value_bytes, timestamp }
    }

    /// The number of the key of the record at `offset`.
    fn key_number(&self, offset: u64) -> u64 {
        if offset < self.records { mix(offset).checked_rem(self.keys).unwrap_or(0) } else { self.keys }
    }

    /// Values differ by four fifths of the average in both ways. The first third is the same in all, so that codecs find a little.
    fn value(&self, offset: u64, into: &mut Vec<u8>) {
        let random = mix(offset ^ 0x5bf0_3635);
        let length = self.value_bytes / 5 + (random >> 32).checked_rem(self.value_bytes * 8 / 5 + 1).unwrap_or(0);
        let length = usize_from_u64(length);
        into.clear();
        into.resize(length / 3, b'=');
        let from = usize_from_u64(random & 0xffff);
        into.extend_from_slice(self.letters.get(from..from + length - length / 3).unwrap_or_default());
    }

    /// The batch of the records from `offset` on, up to `end`: as many as fit `bytes`, at least one.
    pub(super) fn batch(&self, offset: u64, end: u64, bytes: usize) -> BatchBuilder {
        let (mut builder, mut value) = (BatchBuilder::default(), Vec::new());
        for offset in offset..end {
            self.value(offset, &mut value);
            if builder.count() > 0 && builder.size() + value.len() + 32 > bytes {
                break;
            }
            builder.push(self.timestamp, Some(&key(self.key_number(offset))), Some(&value), &[]);
        }
        builder
    }
}

/// Which record of each key is the newest, and how many of them were found.
#[derive(Debug)]
pub(super) struct Ledger {
    newest: Vec<u32>,
    written: u64,
    found: u64,
    value: Vec<u8>,
}

impl Ledger {
    /// What the records write.
    ///
    /// # Errors
    /// [`BenchError::Template`]: they are too many.
    pub(super) fn of(keyed: &Keyed) -> Result<Self, BenchError> {
        let mut newest = vec![NONE; usize_from_u64(keyed.keys)];
        let records = u32::try_from(keyed.records).ok().filter(|records| *records < NONE);
        let records = records.ok_or_else(|| BenchError::Template(format!("{} records are too many", keyed.records)))?;
        for offset in 0..records {
            if let Some(place) = newest.get_mut(usize_from_u64(keyed.key_number(offset.into()))) {
                *place = offset;
            }
        }
        let written = u64_from_usize(newest.iter().filter(|offset| **offset != NONE).count());
        Ok(Self { newest, written, found: 0, value: Vec::new() })
    }

    /// Keys that were written.
    pub(super) const fn keys(&self) -> u64 {
        self.written
    }

    /// Begins to look from the beginning of the log.
    pub(super) fn begin(&mut self) {
        self.found = 0;
    }

    /// Notes a record that is left in the log. Those behind the records of which this knows are not its business.
    ///
    /// # Errors
    /// [`BenchError::Protocol`]: it is not the one that was written there. [`BenchError::Unclean`]: a newer one has its key.
    pub(super) fn note(&mut self, keyed: &Keyed, record: &Record) -> Result<(), BenchError> {
        let wrong = || BenchError::Protocol(format!("the record at offset {} is not what was written", record.offset));
        let offset = u64::try_from(record.offset).map_err(|_| wrong())?;
        let number = keyed.key_number(offset);
        keyed.value(offset, &mut self.value);
        if record.key != Some(Bytes::copy_from_slice(&key(number))) || record.value.as_deref() != Some(&self.value[..])
        {
            return Err(wrong());
        }
        if offset >= keyed.records {
            return Ok(());
        }
        if self.newest.get(usize_from_u64(number)).is_none_or(|newest| u64::from(*newest) != offset) {
            return Err(BenchError::Unclean(offset));
        }
        self.found += 1;
        Ok(())
    }

    /// Whether every key has its newest record.
    ///
    /// # Errors
    /// [`BenchError::Protocol`]: it is not so.
    pub(super) fn verdict(&self) -> Result<(), BenchError> {
        if self.found == self.written {
            return Ok(());
        }
        let (found, written) = (self.found, self.written);
        Err(BenchError::Protocol(format!("{written} keys were written, {found} have their newest record")))
    }
}

/// 16 bytes, of which the first half alone would tell the keys apart.
fn key(number: u64) -> [u8; 16] {
    let mut bytes = [0; 16];
    let (front, back) = bytes.split_at_mut(8);
    front.copy_from_slice(&number.to_be_bytes());
    back.copy_from_slice(&mix(number).to_be_bytes());
    bytes
}

/// Spreads numbers over all 64 bits, as `SplitMix64` does.
const fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::client::compression::Codec;
    use crate::cli::client::record_batch::next_batch;

    fn written(keyed: &Keyed, records: u64) -> Vec<Record> {
        let (mut all, mut next) = (Vec::new(), 0);
        while next < records {
            let batch = Bytes::from(keyed.batch(next, records, 1_000).finish(Codec::None, None).unwrap());
            let found = next_batch(&mut batch.clone()).unwrap().unwrap().records().unwrap();
            let base = i64::try_from(next).unwrap();
            all.extend(found.into_iter().map(|record| Record { offset: record.offset + base, ..record }));
            next = u64::try_from(all.len()).unwrap();
        }
        all
    }

    #[test]
    fn a_log_is_clean_when_only_the_newest_of_each_key_are_left() {
        let keyed = Keyed::new((290, 30), 100, 0);
        let all = written(&keyed, 300);
        let check = |kept: &[&Record]| {
            let mut ledger = Ledger::of(&keyed).unwrap();
            kept.iter().try_for_each(|record| ledger.note(&keyed, record)).and_then(|()| ledger.verdict())
        };
        let (below, active) = all.split_at(290);
        let newest =
            |record: &&Record| !below.iter().any(|other| other.key == record.key && other.offset > record.offset);
        let kept: Vec<&Record> = below.iter().filter(newest).collect();
        assert!(kept.len() <= 30);
        assert!(check(&kept).is_ok());
        assert!(check(&kept[1..]).is_err(), "a key is lost");
        let unclean = check(&below.iter().collect::<Vec<_>>());
        assert!(matches!(unclean, Err(BenchError::Unclean(_))), "nothing was cleaned");
        let with_active: Vec<&Record> = kept.iter().copied().chain(active).collect();
        assert!(check(&with_active).is_ok(), "what is active is not cleaned");
    }

    #[test]
    fn a_record_that_was_never_written_is_noticed() {
        let keyed = Keyed::new((290, 30), 100, 0);
        let mut other = written(&keyed, 1).remove(0);
        other.value = Some(Bytes::from_static(b"another"));
        assert!(Ledger::of(&keyed).unwrap().note(&keyed, &other).is_err());
    }
}
