//! What is due when: one deadline for each key, in the order of time.

use std::collections::{BTreeMap, BTreeSet};

use model::Tick;

/// Deadlines by key.
#[derive(Clone, Debug)]
pub(crate) struct Timers<K> {
    order: BTreeSet<(Tick, K)>,
    by_key: BTreeMap<K, Tick>,
}

impl<K> Default for Timers<K> {
    fn default() -> Self {
        Self { order: BTreeSet::new(), by_key: BTreeMap::new() }
    }
}

impl<K: Clone + Ord> Timers<K> {
    /// Sets the deadline of `key`, whatever it was before.
    pub(crate) fn set(&mut self, key: K, at: Tick) {
        if let Some(before) = self.by_key.insert(key.clone(), at) {
            self.order.remove(&(before, key.clone()));
        }
        self.order.insert((at, key));
    }

    /// Forgets the deadline of `key`, if there is one.
    pub(crate) fn cancel(&mut self, key: &K) {
        if let Some(before) = self.by_key.remove(key) {
            self.order.remove(&(before, key.clone()));
        }
    }

    /// Whether `key` has a deadline.
    pub(crate) fn contains(&self, key: &K) -> bool {
        self.by_key.contains_key(key)
    }

    /// The earliest deadline.
    pub(crate) fn next(&self) -> Option<Tick> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Takes one key that is due.
    pub(crate) fn pop_due(&mut self, now: Tick) -> Option<K> {
        if self.next()? > now {
            return None;
        }
        let (_, key) = self.order.pop_first()?;
        self.by_key.remove(&key);
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_deadline_and_is_due_once() {
        let mut timers = Timers::default();
        timers.set("a", Tick::from_ms(10));
        timers.set("b", Tick::from_ms(5));
        timers.set("a", Tick::from_ms(3));
        assert_eq!(timers.next(), Some(Tick::from_ms(3)));
        assert_eq!(timers.pop_due(Tick::from_ms(2)), None);
        assert_eq!(timers.pop_due(Tick::from_ms(20)), Some("a"));
        assert!(!timers.contains(&"a") && timers.contains(&"b"));
        timers.cancel(&"b");
        assert_eq!((timers.next(), timers.pop_due(Tick::from_ms(99))), (None, None));
    }
}
