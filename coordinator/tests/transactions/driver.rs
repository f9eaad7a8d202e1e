//! A life: clients, a network that loses, delays and repeats, and the world.

use std::collections::BTreeMap;

use coordinator::shard::ReplyTo;
use coordinator::transaction::{TransactionEvent, TransactionReply, TransactionState, TransactionVersion};

use crate::client::Client;
use crate::laws::Which;
use crate::world::World;

const IDS: [&str; 3] = ["one", "two", "three"];

/// A request that was decided, and who waits for its answer.
struct Asked {
    client: usize,
    /// The number of the client that asked, which may be another by now.
    number: u64,
    which: Option<Which>,
}

/// Everything.
pub(crate) struct Driver {
    pub(crate) world: World,
    clients: Vec<Client>,
    numbers: Vec<u64>,
    asked: BTreeMap<ReplyTo, Asked>,
    /// Requests that are under way for long, and arrive when nobody waits for them.
    late: Vec<TransactionEvent>,
    next_reply: u64,
    next_number: u64,
}

impl Driver {
    pub(crate) fn new(seed: u64) -> Self {
        let mut world = World::new(seed);
        let mut clients = Vec::new();
        for number in 0..5_u64 {
            let version = *world.random.pick(&[TransactionVersion::V0, TransactionVersion::V2]);
            let id = *world.random.pick(&IDS);
            clients.push(Client::new(number, id, version));
        }
        let numbers = (0..5).collect();
        Self { world, clients, numbers, asked: BTreeMap::new(), late: Vec::new(), next_reply: 0, next_number: 5 }
    }

    pub(crate) fn live(&mut self, events: u64) {
        for _ in 0..events {
            self.one();
            self.hear();
        }
    }

    fn one(&mut self) {
        match self.world.random.below(1_000) {
            0..450 => self.ask(),
            450..480 => self.late(),
            480..650 => {
                let records = self.world.random.index(4) + 1;
                self.world.sync(records);
            }
            650..830 => self.world.write_one(true),
            830..850 => self.world.report_late(),
            850..900 => self.world.give_id(),
            900..970 => {
                let ms = self.world.random.below(200);
                self.world.pass(ms);
            }
            970..978 => {
                let ms = self.world.random.below(8_000);
                self.world.pass(ms);
            }
            978..980 => self.world.pass(30_000),
            980..985 => self.world.jump(),
            985..990 => {
                let client = self.world.random.index(self.clients.len());
                self.replace(client);
            }
            990..994 => self.use_up(),
            994..999 => self.crash(),
            _ => self.world.check_replay(),
        }
    }

    /// A client asks, perhaps not for the first time.
    fn ask(&mut self) {
        let client = self.world.random.index(self.clients.len());
        let event = self.clients[client].request(&mut self.world);
        if self.world.random.one_in(12) {
            self.late.push(event.clone());
        }
        self.next_reply += 1;
        let reply_to = ReplyTo(self.next_reply);
        let id = self.clients[client].id().to_owned();
        self.world.arrive(event, reply_to);
        // The transaction that it is in now, if it was taken in.
        let ongoing = self.world.get(&id).filter(|now| now.state == TransactionState::Ongoing);
        let which = ongoing.map(|now| (id, now.start));
        // What the client hears is the answer to this, or nothing at all.
        if !self.world.random.one_in(8) {
            self.asked.insert(reply_to, Asked { client, number: self.numbers[client], which });
        }
    }

    /// A request arrives that its client has sent again since.
    fn late(&mut self) {
        if self.late.is_empty() {
            return;
        }
        let place = self.world.random.index(self.late.len());
        let event = self.late.swap_remove(place);
        if let TransactionEvent::EndTxn(request) = &event {
            self.world.laws.late_end(request.producer);
        }
        self.next_reply += 1;
        self.world.arrive(event, ReplyTo(self.next_reply));
    }

    /// Clients hear what they are told; the first answer counts.
    fn hear(&mut self) {
        for (reply_to, reply) in std::mem::take(&mut self.world.told) {
            let Some(asked) = self.asked.remove(&reply_to) else { continue };
            let Asked { client, number, which } = asked;
            if self.numbers[client] != number {
                continue;
            }
            if let TransactionReply::EndTxn(Ok(_)) = reply {
                self.world.laws.seen.repeated_ends += u64::from(which.is_none());
            }
            self.asked.retain(|_, other| other.client != client);
            self.clients[client].on_reply(&mut self.world, which, reply);
        }
    }

    fn replace(&mut self, client: usize) {
        self.clients[client].replace(self.next_number);
        self.numbers[client] = self.next_number;
        self.next_number += 1;
    }

    /// Somebody began so often that the epochs of an id are used up.
    fn use_up(&mut self) {
        let id = *self.world.random.pick(&IDS);
        self.world.use_up(id);
    }

    fn crash(&mut self) {
        self.world.crash();
        // Connections are gone, and the answers with them; clients send again.
        self.asked.clear();
    }

    /// Everybody stops, and what is open ends by itself.
    pub(crate) fn settle(&mut self) {
        for _ in 0..1_000 {
            if self.world.is_at_rest() {
                break;
            }
            self.world.sync(usize::MAX);
            self.world.give_id();
            self.world.write_one(false);
            self.world.pass(100);
            self.world.told.clear();
        }
        assert!(self.world.is_at_rest(), "something is open for ever");
        self.world.check_replay();
    }
}
