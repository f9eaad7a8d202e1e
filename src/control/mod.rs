//! What an operator asks of a running broker that needs the machine's files: a socket in the data directory, and a question and an
//! answer of one line each.
//!
//! The socket is the owner's alone (mode 0600): whoever can open it can read the files as well. What can be done over the network
//! is not done here; that is for Kafka's requests.
//!
//! Owns: the socket, its connections and their limits. Does not know: how anything that is asked for is done.

mod backup;
pub(crate) mod client;
pub(crate) mod protocol;
mod server;
mod socket;

pub(crate) use server::{Control, ControlParts};
