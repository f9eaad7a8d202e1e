//! Each behaviour of KIP-848 groups, as the real Kafka 4.4 shows it.

mod commits;
mod driver;
mod exchange;
mod heartbeats;
mod loading;
mod migration;
mod patterns;
mod random;
mod static_members;
