//! The newest offset of each key in a part of a log: 14 bytes a key, whatever the keys, in a table of fixed size.
//!
//! A slot holds 40 bits of offset, counted from the beginning of the part, and 72 bits of the key's hash; where the search for it
//! begins is said by other bits of the hash. Two keys are taken for one only if all of that is the same in one run of slots: a
//! part of 50 million keys has one chance in 10^12 that it happens at all. Kafka takes 24 bytes for 128 bits of hash.

use model::Offset;
use model::num::{u64_from_usize, usize_from_u64};
use twox_hash::XxHash3_128;

/// Keys that are worth looking up together: more than a processor loads at a time, and still few for its smallest cache.
pub(crate) const TOGETHER: usize = 64;
/// Bytes of a slot.
const SLOT_BYTES: usize = 14;
const OFFSET_BYTES: usize = 5;
const HASH_BYTES: usize = SLOT_BYTES - OFFSET_BYTES;
/// Offsets that a map can tell apart. 0 is an empty slot.
const SPAN_MAX: u64 = (1 << 40) - 2;

type Slot = [u8; SLOT_BYTES];

/// The map.
#[derive(Debug)]
pub(crate) struct KeyMap {
    slots: Vec<Slot>,
    begin: Offset,
    keys: u64,
    keys_max: u64,
}

/// There is no room for another key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MapFull;

impl KeyMap {
    /// A map for the offsets from `begin` up to `end`, of at most `bytes_max` bytes, that fills up to `load_factor`.
    pub(crate) fn new(begin: Offset, end: Offset, bytes_max: u64, load_factor: f64) -> Self {
        let load = load_factor.clamp(0.1, 0.95);
        let slots_max = (bytes_max / u64_from_usize(SLOT_BYTES)).max(2);
        // There are no more keys than offsets.
        let needed = fraction(end.distance_from(begin), 1.0 / load).saturating_add(2);
        let slots = slots_max.min(needed);
        let keys_max = fraction(slots, load).clamp(1, slots - 1);
        Self { slots: vec![[0; SLOT_BYTES]; usize_from_u64(slots)], begin, keys: 0, keys_max }
    }

    /// Notes that the key stands at `offset`, which is not below the beginning, behind all that were noted.
    ///
    /// # Errors
    /// [`MapFull`]; the map is as it was.
    pub(crate) fn put(&mut self, key: &KeyHash, offset: Offset) -> Result<(), MapFull> {
        let span = offset.distance_from(self.begin);
        if span > SPAN_MAX {
            return Err(MapFull);
        }
        let place = self.find(key);
        let is_new = self.slot(place).is_none_or(|slot| offset_in(slot) == 0);
        if is_new && self.keys >= self.keys_max {
            return Err(MapFull);
        }
        if let Some(slot) = self.slots.get_mut(place) {
            let [_, _, _, offset @ ..] = (span + 1).to_be_bytes();
            *slot = slot_of(offset, key.stored);
            self.keys += u64::from(is_new);
        }
        Ok(())
    }

    /// The newest offset of the key; `None` if it is not in the part.
    pub(crate) fn get(&self, key: &KeyHash) -> Option<Offset> {
        let slot = self.slot(self.find(key))?;
        self.begin.checked_add(offset_in(slot).checked_sub(1)?)
    }

    /// Loads where the searches for these keys begin into the processor's caches. The map is far larger than those, so that a
    /// search alone waits for memory; the loads of many keys overlap.
    pub(crate) fn load_ahead<'k>(&self, keys: impl Iterator<Item = &'k KeyHash>) {
        let count = self.slots.len();
        let firsts = keys.filter_map(|key| self.slot(key.home(count))?.first());
        std::hint::black_box(firsts.fold(0, |mixed, byte| mixed ^ byte));
    }

    /// The slot with this hash, or the empty one that ends the search for it. There always is an empty one.
    fn find(&self, key: &KeyHash) -> usize {
        let count = self.slots.len();
        let mut place = key.home(count);
        while let Some(slot) = self.slots.get(place) {
            let (_, stored) = slot.split_at(OFFSET_BYTES);
            if offset_in(slot) == 0 || stored == key.stored {
                break;
            }
            place = if place + 1 == count { 0 } else { place + 1 };
        }
        place
    }

    fn slot(&self, place: usize) -> Option<&Slot> {
        self.slots.get(place)
    }
}

/// A key as the map knows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyHash {
    home: u64,
    stored: [u8; HASH_BYTES],
}

impl KeyHash {
    #[inline]
    pub(crate) fn of(key: &[u8]) -> Self {
        let [h0, h1, h2, h3, h4, h5, h6, stored @ ..] = XxHash3_128::oneshot(key).to_be_bytes();
        Self { home: u64::from_be_bytes([h0, h1, h2, h3, h4, h5, h6, 0]), stored }
    }

    /// Spreads the 56 bits evenly over any number of slots.
    fn home(&self, slots: usize) -> usize {
        let wide = (u128::from(self.home) * u128::from(u64_from_usize(slots))) >> 64;
        usize_from_u64(u64::try_from(wide).unwrap_or(0))
    }
}

#[inline]
fn offset_in(slot: &Slot) -> u64 {
    slot.iter().take(OFFSET_BYTES).fold(0, |offset, byte| offset << 8 | u64::from(*byte))
}

#[inline]
fn slot_of(offset: [u8; OFFSET_BYTES], hash: [u8; HASH_BYTES]) -> Slot {
    let mut slot = [0; SLOT_BYTES];
    let (front, back) = slot.split_at_mut(OFFSET_BYTES);
    front.copy_from_slice(&offset);
    back.copy_from_slice(&hash);
    slot
}

/// `count` times `factor`, rounded down.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a size that may be a little less exact; `as` saturates"
)]
fn fraction(count: u64, factor: f64) -> u64 {
    (count as f64 * factor) as u64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn offset(raw: u64) -> Offset {
        Offset::ZERO.checked_add(raw).unwrap()
    }

    proptest! {
        #[test]
        fn it_says_what_a_map_says_up_to_its_bound(
            puts in prop::collection::vec((0_u16..300, 1_u64..5), 0..600),
            slots in 2_u64..400,
        ) {
            let begin = offset(1 << 45);
            let end = begin.checked_add(10_000).unwrap();
            let mut map = KeyMap::new(begin, end, slots * 14, 0.9);
            let mut model = BTreeMap::new();
            let mut next = begin;
            for (key, step) in puts {
                next = next.checked_add(step).unwrap();
                let put = map.put(&KeyHash::of(&key.to_be_bytes()), next);
                let fits = model.contains_key(&key) || u64_from_usize(model.len()) < map.keys_max;
                prop_assert_eq!(put.is_ok(), fits);
                if fits {
                    model.insert(key, next);
                }
            }
            for key in 0..300_u16 {
                prop_assert_eq!(map.get(&KeyHash::of(&key.to_be_bytes())), model.get(&key).copied());
            }
        }
    }

    #[test]
    fn a_million_keys_take_sixteen_bytes_each_and_are_told_apart() {
        let mut map = KeyMap::new(Offset::ZERO, offset(1_000_000), u64::MAX, 0.9);
        for key in 0..1_000_000_u64 {
            map.put(&KeyHash::of(&key.to_be_bytes()), offset(key)).unwrap();
        }
        assert!(map.slots.len() * SLOT_BYTES < 16_000_000);
        assert!((0..1_000_000).all(|key: u64| map.get(&KeyHash::of(&key.to_be_bytes())) == Some(offset(key))));
        assert!((1_000_000..1_100_000).all(|key: u64| map.get(&KeyHash::of(&key.to_be_bytes())).is_none()));
    }

    #[test]
    fn offsets_too_far_from_the_beginning_do_not_fit() {
        let mut map = KeyMap::new(Offset::ZERO, Offset::MAX, 1_000, 0.9);
        assert_eq!(map.put(&KeyHash::of(b"key"), offset(SPAN_MAX)), Ok(()));
        assert_eq!(map.get(&KeyHash::of(b"key")), Some(offset(SPAN_MAX)));
        assert_eq!(map.put(&KeyHash::of(b"key"), offset(SPAN_MAX + 1)), Err(MapFull));
    }
}
