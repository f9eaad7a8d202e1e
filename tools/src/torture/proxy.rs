//! A TCP proxy between the clients and the broker.
//!
//! Owns: every connection. It cuts them, holds them, and can stop all answers at one moment: from then on no client hears
//! anything, so that what clients know was said before. A power cut begins with that, because a sync that is under way then may
//! return without having synced. Knows nothing of what it passes on.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use super::TortureError;

/// Bytes that are passed on at a time.
const CHUNK_BYTES: usize = 64 << 10;
/// Connections beyond these are closed at once; the load makes some fifty.
const CONNECTIONS_MAX: usize = 512;
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// The proxy; its threads end with their connections.
#[derive(Debug)]
pub(super) struct Proxy {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    upstream: SocketAddr,
    /// Held to read while an answer is passed on, and to write to stop all of them.
    answers: RwLock<Flow>,
    connections: Mutex<Vec<(TcpStream, TcpStream)>>,
    is_over: AtomicBool,
}

/// Whether answers are passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Open,
    Stopped,
}

impl Proxy {
    /// Listens on `port` and connects to `upstream` for each connection.
    pub(super) fn start(port: u16, upstream: SocketAddr) -> Result<Self, TortureError> {
        let io = |source| TortureError::Io { what: format!("the proxy's port {port}"), source };
        let listener = TcpListener::bind(("127.0.0.1", port)).map_err(io)?;
        let shared = Arc::new(Shared {
            upstream,
            answers: RwLock::new(Flow::Open),
            connections: Mutex::new(Vec::new()),
            is_over: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        std::thread::Builder::new().name("proxy".to_owned()).spawn(move || accepting.accept(&listener)).map_err(io)?;
        Ok(Self { shared })
    }

    /// Stops all answers. When this returns, none is on its way.
    pub(super) fn stop_answers(&self) {
        self.set(Flow::Stopped);
    }

    /// Cuts all connections, and lets answers of later ones pass.
    pub(super) fn cut(&self) {
        let mut connections = self.shared.connections.lock().unwrap_or_else(PoisonError::into_inner);
        for (client, broker) in connections.drain(..) {
            // One that is closed already says so.
            drop(client.shutdown(Shutdown::Both));
            drop(broker.shutdown(Shutdown::Both));
        }
        drop(connections);
        self.set(Flow::Open);
    }

    fn set(&self, flow: Flow) {
        *self.shared.answers.write().unwrap_or_else(PoisonError::into_inner) = flow;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        self.cut();
    }
}

impl Shared {
    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        for client in listener.incoming() {
            if self.is_over.load(Ordering::Relaxed) {
                return;
            }
            // A broker that is down is one that refuses: the client's connection is closed.
            let Ok(client) = client else { continue };
            let Ok(broker) = TcpStream::connect_timeout(&self.upstream, CONNECT_LIMIT) else { continue };
            // Without an effect on what is passed on, if it fails.
            drop(client.set_nodelay(true));
            drop(broker.set_nodelay(true));
            // A client that does not read must not hold up the others' answers.
            drop(client.set_write_timeout(Some(CONNECT_LIMIT)));
            self.begin(&client, &broker);
        }
    }

    fn begin(self: &Arc<Self>, client: &TcpStream, broker: &TcpStream) {
        let copies = || Some((client.try_clone().ok()?, broker.try_clone().ok()?));
        let (Some(kept), Some(asking), Some(answering)) = (copies(), copies(), copies()) else { return };
        {
            let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
            connections.retain(|(client, _)| client.peer_addr().is_ok());
            if connections.len() >= CONNECTIONS_MAX {
                return;
            }
            connections.push(kept);
        }
        // A thread that cannot be made leaves a connection that says nothing, which clients give up.
        drop(std::thread::Builder::new().spawn(move || pass_on(asking, None)));
        let shared = Arc::clone(self);
        drop(std::thread::Builder::new().spawn(move || {
            let (client, broker) = answering;
            pass_on((broker, client), Some(&shared.answers));
        }));
    }
}

/// Passes on what comes from the first to the second until either ends, then ends both. Nothing passes while `gate` is stopped.
fn pass_on((mut from, mut to): (TcpStream, TcpStream), gate: Option<&RwLock<Flow>>) {
    let mut chunk = vec![0; CHUNK_BYTES];
    while let Ok(size) = from.read(&mut chunk) {
        let Some(bytes) = chunk.get(..size).filter(|bytes| !bytes.is_empty()) else { break };
        // Held until the bytes are passed on.
        let flow = gate.map(|gate| gate.read().unwrap_or_else(PoisonError::into_inner));
        if flow.as_ref().is_some_and(|flow| **flow == Flow::Stopped) || to.write_all(bytes).is_err() {
            break;
        }
        drop(flow);
    }
    // Either may be closed already.
    drop(to.shutdown(Shutdown::Both));
    drop(from.shutdown(Shutdown::Both));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client's connection through a proxy, and the broker's end of it.
    fn connected() -> (Proxy, TcpStream, TcpStream) {
        let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = test_support::free_port();
        let proxy = Proxy::start(port, upstream.local_addr().unwrap()).unwrap();
        let client = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let (broker, _) = upstream.accept().unwrap();
        (proxy, client, broker)
    }

    fn heard(from: &mut TcpStream) -> usize {
        from.read(&mut [0; 8]).unwrap_or(0)
    }

    #[test]
    fn what_is_said_is_passed_on_until_answers_stop_and_then_no_more() {
        let (proxy, mut client, mut broker) = connected();
        client.write_all(b"ask").unwrap();
        assert_eq!(heard(&mut broker), 3);
        broker.write_all(b"tell").unwrap();
        assert_eq!(heard(&mut client), 4);
        proxy.stop_answers();
        client.write_all(b"ask").unwrap();
        assert_eq!(heard(&mut broker), 3);
        broker.write_all(b"tell").unwrap();
        assert_eq!(heard(&mut client), 0, "an answer that is not heard ends the connection");
    }

    #[test]
    fn connections_are_cut_and_later_ones_are_not() {
        let (proxy, mut client, mut broker) = connected();
        broker.write_all(b"tell").unwrap();
        assert_eq!(heard(&mut client), 4);
        proxy.stop_answers();
        proxy.cut();
        assert_eq!((heard(&mut client), heard(&mut broker)), (0, 0));
        let (_proxy, mut client, mut broker) = connected();
        broker.write_all(b"tell").unwrap();
        assert_eq!(heard(&mut client), 4);
    }
}
