//! Each behaviour of classic groups, as the real Kafka 4.4 shows it.

mod driver;
mod joins;
mod leaves;
mod limits;
mod loading;
mod random;

mod rebalances;
mod sessions;
mod static_members;
mod syncs;
