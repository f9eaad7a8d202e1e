//! Listening sockets: bound before anything is served, accepted until the broker stops.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tracing::warn;

use super::event_loop::EventLoops;
use crate::clock::Clock;
use crate::throttle::Throttle;

/// Connections that the kernel keeps for us until they are accepted (`socket.listen.backlog.size`).
const BACKLOG: i32 = 1024;
/// The pause after a failed accept: running out of file descriptors would otherwise turn the loop into a spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A socket that has its address and takes no connections yet.
#[derive(Debug)]
pub(crate) struct Bound(Socket);

/// Takes an address.
///
/// # Errors
/// The system's: the address is in use, not ours, or not allowed.
pub(crate) fn bind(address: SocketAddr) -> io::Result<Bound> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // `[::]` also takes IPv4, as Java's sockets do.
        socket.set_only_v6(false)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(Bound(socket))
}

impl Bound {
    /// From here on connections are taken.
    ///
    /// # Errors
    /// The system's: somebody else who had bound the same address was quicker.
    pub(crate) fn listen(self) -> io::Result<TcpListener> {
        self.0.listen(BACKLOG)?;
        TcpListener::from_std(self.0.into())
    }
}

/// How fast connections are taken, over all listeners.
#[derive(Debug)]
pub(crate) struct Pace {
    clock: Clock,
    /// `max.connection.creation.rate`: connections in a second; those beyond wait in the kernel's queue.
    rate_max: i32,
    throttle: Mutex<Throttle>,
}

impl Pace {
    /// So many connections in a second.
    pub(crate) fn new(clock: Clock, rate_max: i32) -> Self {
        Self { clock, rate_max, throttle: Mutex::new(Throttle::new(clock.tick())) }
    }

    /// The pause after a connection.
    fn after_one(&self) -> Duration {
        if self.rate_max == i32::MAX {
            return Duration::ZERO;
        }
        let mut throttle = self.throttle.lock().unwrap_or_else(PoisonError::into_inner);
        Duration::from_millis(throttle.note(1, f64::from(self.rate_max), self.clock.tick()))
    }
}

/// Accepts until `stopping` says so.
/// Connections are told the advertised address of the listener with this `index`.
pub(crate) async fn accept(
    listener: TcpListener,
    index: usize,
    loops: Arc<EventLoops>,
    pace: Arc<Pace>,
    mut stopping: watch::Receiver<bool>,
) {
    loop {
        // Both arms are cancel-safe: an unaccepted connection stays in the kernel's queue.
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopping.changed() => return,
        };
        let pause = match accepted {
            Ok((stream, remote)) => {
                loops.take(stream, remote, index).await;
                pace.after_one()
            }
            Err(error) => {
                warn!(%error, "accept failed");
                ACCEPT_PAUSE
            }
        };
        if !pause.is_zero() {
            // Cancel-safe: a timer holds nothing.
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = stopping.changed() => return,
            }
        }
    }
}
