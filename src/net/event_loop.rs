//! The event loops: a few threads, each with a current-thread runtime and its own connections, so that a request is
//! handled where its bytes arrived, without a hop (performance.md has the cost of hops).

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::LocalSet;
use tracing::{debug, error, warn};

use super::cold_reads::ColdReads;
use super::connection::{Connection, Ended};
use super::memory::ByteBudget;
use crate::api::{CloseReason, Peer};
use crate::broker::Broker;
use crate::telemetry::{ConnectionLimit, Label as _, Metrics};

/// Connections that may wait to be taken over by their loop.
const HANDOVER_MAX: usize = 128;

/// The limits of connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NetOptions {
    /// `socket.request.max.bytes`.
    pub(crate) frame_size_max: i32,
    /// `connection.inflight.requests.max`: answers owed to one connection before it is not read any more.
    pub(crate) inflight_requests_max: usize,
    /// `connection.unsent.bytes.max`: bytes of answers that a peer has not taken before it is not read any more.
    pub(crate) unsent_bytes_max: usize,
    /// `connections.max.idle.ms`.
    pub(crate) idle_max: Duration,
    /// `connection.frame.timeout.ms`: the longest silence inside a frame.
    pub(crate) frame_timeout: Duration,
    /// `max.connections`.
    pub(crate) connections_max: usize,
    /// `max.connections.per.ip`.
    pub(crate) connections_per_ip_max: usize,
}

/// A connection on its way to its loop.
struct Accepted {
    stream: std::net::TcpStream,
    peer: Peer,
    slot: Slot,
}

/// The loops and the counts of what they serve.
pub(crate) struct EventLoops {
    loops: Vec<Loop>,
    census: Arc<Census>,
    options: NetOptions,
    metrics: Arc<Metrics>,
}

struct Loop {
    sender: mpsc::Sender<Accepted>,
    connections: Arc<AtomicUsize>,
    thread: JoinHandle<()>,
}

impl EventLoops {
    /// Starts `count` threads.
    ///
    /// # Errors
    /// The system's, when a thread or its runtime cannot be made.
    pub(crate) fn start(
        count: usize,
        broker: &Arc<Broker>,
        options: NetOptions,
        (budget, cold_reads): (&ByteBudget, &Arc<ColdReads>),
        stopping: &watch::Receiver<bool>,
    ) -> std::io::Result<Self> {
        let mut loops = Vec::with_capacity(count);
        for number in 0..count {
            let (sender, receiver) = mpsc::channel(HANDOVER_MAX);
            let shared = LoopShared {
                broker: Arc::clone(broker),
                options,
                budget: budget.clone(),
                cold_reads: Arc::clone(cold_reads),
                stopping: stopping.clone(),
            };
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let thread = std::thread::Builder::new().name(format!("net-{number}")).spawn(move || {
                LocalSet::new().block_on(&runtime, serve_loop(receiver, shared));
            })?;
            loops.push(Loop { sender, connections: Arc::default(), thread });
        }
        let metrics = Arc::clone(&broker.metrics);
        let census = Arc::new(Census { counts: Mutex::default(), metrics: Arc::clone(&metrics) });
        Ok(Self { loops, census, options, metrics })
    }

    /// Hands a new connection to the loop with the fewest, or closes it when a limit is reached.
    pub(crate) async fn take(&self, stream: TcpStream, remote: SocketAddr, listener: usize) {
        let Some(least) = self.loops.iter().min_by_key(|each| each.connections.load(Ordering::Relaxed)) else { return };
        let slot = match self.census.admit(remote.ip(), &self.options, Arc::clone(&least.connections)) {
            Ok(slot) => slot,
            Err(limit) => {
                self.metrics.connections_refused.add(limit, 1);
                return warn!(%remote, limit = limit.text(), "connection refused: too many");
            }
        };
        match prepare(stream, remote, listener) {
            Ok((stream, peer)) => {
                // A loop ends only after the listeners have.
                drop(least.sender.send(Accepted { stream, peer, slot }).await);
            }
            Err(error) => debug!(%remote, %error, "connection lost while it was accepted"),
        }
    }

    /// Waits until every connection has ended; the caller has said `stopping`.
    pub(crate) fn join(self) {
        for Loop { sender, thread, .. } in self.loops {
            drop(sender);
            if thread.join().is_err() {
                warn!("an event loop ended with a panic");
            }
        }
    }
}

fn prepare(stream: TcpStream, remote: SocketAddr, listener: usize) -> std::io::Result<(std::net::TcpStream, Peer)> {
    stream.set_nodelay(true)?;
    let local = stream.local_addr()?;
    Ok((stream.into_std()?, Peer { remote, local, listener }))
}

/// What every connection of a loop gets.
pub(super) struct LoopShared {
    pub(super) broker: Arc<Broker>,
    pub(super) options: NetOptions,
    pub(super) budget: ByteBudget,
    pub(super) cold_reads: Arc<ColdReads>,
    stopping: watch::Receiver<bool>,
}

async fn serve_loop(mut receiver: mpsc::Receiver<Accepted>, shared: LoopShared) {
    let mut tasks = tokio::task::JoinSet::new();
    while let Some(Accepted { stream, peer, slot }) = receiver.recv().await {
        let stream = match TcpStream::from_std(stream) {
            Ok(stream) => stream,
            Err(error) => {
                warn!(%error, "connection lost: the event loop could not take it");
                continue;
            }
        };
        let connection = Connection::new(stream, peer, &shared);
        let stopping = shared.stopping.clone();
        tasks.spawn_local(async move {
            let ended = connection.serve(stopping).await;
            report(&peer, &ended);
            drop(slot);
        });
        while tasks.try_join_next().is_some() {}
    }
    while tasks.join_next().await.is_some() {}
}

fn report(peer: &Peer, ended: &Ended) {
    match ended {
        Ended::Refused(reason @ CloseReason::Encode(_)) => {
            error!(remote = %peer.remote, %reason, "connection closed by a mistake of this broker");
        }
        Ended::BadFrame(_) | Ended::Refused(_) | Ended::SlowFrame => {
            debug!(remote = %peer.remote, reason = %ended, "connection closed");
        }
        Ended::ByPeer | Ended::Idle | Ended::Stopping | Ended::Io(_) => {
            tracing::trace!(remote = %peer.remote, reason = %ended, "connection ended");
        }
    }
}

/// How many connections there are, in all and from each address.
#[derive(Debug)]
struct Census {
    counts: Mutex<Counts>,
    metrics: Arc<Metrics>,
}

#[derive(Debug, Default)]
struct Counts {
    total: usize,
    per_ip: HashMap<IpAddr, usize>,
}

/// A place in the census; free again when dropped.
#[derive(Debug)]
struct Slot {
    census: Arc<Census>,
    ip: IpAddr,
    loop_connections: Arc<AtomicUsize>,
}

impl Census {
    fn lock(&self) -> std::sync::MutexGuard<'_, Counts> {
        // Counting cannot panic half-way.
        self.counts.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn admit(
        self: &Arc<Self>,
        ip: IpAddr,
        options: &NetOptions,
        loop_connections: Arc<AtomicUsize>,
    ) -> Result<Slot, ConnectionLimit> {
        let mut counts = self.lock();
        if counts.total >= options.connections_max {
            return Err(ConnectionLimit::All);
        }
        if counts.per_ip.get(&ip).is_some_and(|count| *count >= options.connections_per_ip_max) {
            return Err(ConnectionLimit::PerIp);
        }
        counts.total += 1;
        *counts.per_ip.entry(ip).or_default() += 1;
        drop(counts);
        self.metrics.connections_accepted.count(1);
        loop_connections.fetch_add(1, Ordering::Relaxed);
        Ok(Slot { census: Arc::clone(self), ip, loop_connections })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.loop_connections.fetch_sub(1, Ordering::Relaxed);
        self.census.metrics.connections_closed.count(1);
        let mut counts = self.census.lock();
        counts.total = counts.total.saturating_sub(1);
        if let Some(count) = counts.per_ip.get_mut(&self.ip) {
            *count -= 1;
            if *count == 0 {
                counts.per_ip.remove(&self.ip);
            }
        }
    }
}
