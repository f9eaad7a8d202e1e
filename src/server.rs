//! Builds the broker's parts and starts and stops them in order.
//!
//! Start: the addresses, the data directory and its lock, the sockets, the metadata, every log, the event loops. Stop, on
//! SIGTERM or SIGINT: no new connections, waiting requests answered, answers sent, logs synced, the clean mark written. A
//! second signal ends the process at once, which is a crash like any other: the next start recovers.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use model::BrokerId;
use model::config::{BrokerConfig, Listener};
use storage::error::SyncError;
use storage::{GroupCommit, LogManager, LogManagerOptions, OpenError, RealDisk};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tracing::{info, warn};
use uuid::Uuid;

use crate::background::Background;
use crate::broker::{Broker, Remembered};
use crate::clock::Clock;
use crate::control::{Control, ControlParts};
use crate::coordinators::{CoordinatorThreads, Coordinators};
use crate::gauges;
use crate::metadata::{Metadata, MetadataLog, MetadataLogError, MetadataOptions};
use crate::net::{ByteBudget, ColdReads, EventLoops, NetOptions, listener};
use crate::partitions::{CleanerSettings, DataDirectory, FetchSessions, Registry};
use crate::telemetry::clients::{ClientTelemetry, ClientTelemetryOptions};
use crate::telemetry::{Endpoint, EndpointOptions, Metrics, Scrape};

/// Event loops when `num.network.threads` does not say: one for each processor, but more than this was not measured yet.
const EVENT_LOOPS_MAX: usize = 16;

/// Why the broker could not start, or did not stop cleanly.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    /// The data directory.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The metadata.
    #[error(transparent)]
    Metadata(#[from] MetadataLogError),
    /// A listener's name does not resolve.
    #[error("listener {listener}: the host is not known: {error}")]
    Resolve {
        /// As configured.
        listener: String,
        /// The system's reason.
        error: io::Error,
    },
    /// A listener's address cannot be bound.
    #[error("listener {listener}: {error}")]
    Bind {
        /// As configured.
        listener: String,
        /// The system's reason.
        error: io::Error,
    },
    /// Threads, runtimes, signals.
    #[error("the system refused a thread, a timer or a signal handler: {0}")]
    System(io::Error),
    /// The logs were not closed in order.
    #[error("stopped, but not cleanly; the next start recovers: {0}")]
    Close(#[from] SyncError),
}

/// Where the broker can be reached, once it can.
#[derive(Debug)]
pub(crate) struct Ready {
    /// The bound addresses, in the order of the listeners.
    pub(crate) addresses: Vec<SocketAddr>,
    /// The data directory.
    pub(crate) dir: PathBuf,
}

/// Runs a broker until a signal stops it. `on_ready` is called when it serves.
///
/// # Errors
/// [`ServeError`].
pub(crate) fn run(config: BrokerConfig, on_ready: impl FnOnce(&Ready)) -> Result<(), ServeError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ServeError::System)?;
    runtime.block_on(serve(Arc::new(config), on_ready))
}

async fn serve(config: Arc<BrokerConfig>, on_ready: impl FnOnce(&Ready)) -> Result<(), ServeError> {
    let mut signals = Signals::register().map_err(ServeError::System)?;
    let dir = PathBuf::from(config.data_dir());
    // Before the data is touched: an address that cannot be had is a mistake in the configuration.
    let bound = config.listeners.iter().map(bind).collect::<Result<Vec<_>, _>>()?;
    let metrics_bound = config.metrics_listener.as_ref().map(|metrics| bind(metrics.listener())).transpose()?;
    let parts = Parts::open(&config, &dir)?;
    let sockets = bound.into_iter().map(listen).collect::<Result<Vec<_>, _>>()?;
    let metrics_socket = metrics_bound.map(listen).transpose()?;
    let mut addresses = Vec::with_capacity(sockets.len());
    for socket in &sockets {
        addresses.push(socket.local_addr().map_err(ServeError::System)?);
    }
    let (stop, stopping) = watch::channel(false);
    let (broker, threads) = parts.broker(&config, &stopping)?;
    let leftovers = {
        let image = broker.metadata.image();
        parts.log_manager.leftovers(|id| image.topic_by_id(id).is_some())
    };
    let loops = start_loops(&config, &broker, &stopping).map_err(ServeError::System)?;
    let background =
        Background::start(Arc::clone(&parts.registry), parts.clock, &config, leftovers).map_err(ServeError::System)?;
    let endpoint = metrics_socket.map(|socket| start_endpoint(socket, &config, &broker, &stopping)).transpose()?;
    let control = parts.control(&config, &stopping);
    let pace = Arc::new(listener::Pace::new(parts.clock, config.max_connection_creation_rate));
    let mut accepts = tokio::task::JoinSet::new();
    for (index, socket) in sockets.into_iter().enumerate() {
        accepts.spawn(listener::accept(socket, index, Arc::clone(&loops), Arc::clone(&pace), stopping.clone()));
    }
    info!(data = %dir.display(), listeners = ?addresses, cluster_id = broker.cluster_id, "Kafka Server started");
    on_ready(&Ready { addresses, dir });

    signals.stop().await;
    info!("stopping: connections drain; a second signal stops at once");
    let mut second = tokio::task::JoinSet::new();
    second.spawn(signals.end_process_on_the_next());
    broker.stop_waiting();
    // Receivers exist as long as the loops do.
    stop.send_replace(true);
    parts.registry.wake_all();
    while accepts.join_next().await.is_some() {}
    if let Some(loops) = Arc::into_inner(loops) {
        // Off this thread, so that signals are still heard.
        tokio::task::spawn_blocking(move || loops.join()).await.unwrap_or_default();
    }
    if let Some(control) = control {
        control.join().await;
    }
    background.stop();
    if let Some(endpoint) = endpoint {
        endpoint.join();
    }
    drop(broker);
    threads.join();
    parts.close()
}

/// The threads of the broker's parts, which end when the broker stops and is dropped.
struct Threads {
    coordinators: CoordinatorThreads,
    metadata: JoinHandle<()>,
}

impl Threads {
    fn join(self) {
        self.coordinators.join();
        if self.metadata.join().is_err() {
            warn!("the metadata thread ended with a panic");
        }
    }
}

/// What lies beneath the broker.
struct Parts {
    clock: Clock,
    log_manager: Arc<LogManager>,
    group_commit: Arc<GroupCommit>,
    registry: Arc<Registry>,
    metrics: Arc<Metrics>,
}

impl Parts {
    fn open(config: &BrokerConfig, dir: &Path) -> Result<Self, ServeError> {
        let clock = Clock::start();
        let options = LogManagerOptions {
            node_id: BrokerId::new(config.node_id).unwrap_or_default(),
            cluster_id_if_new: Uuid::new_v4().into_bytes(),
            directory_id_if_new: Uuid::new_v4().into_bytes(),
            producers_max: usize::try_from(config.partition_producer_ids_max).unwrap_or(1),
        };
        let log_manager = Arc::new(LogManager::open(Arc::new(RealDisk), dir, options)?);
        let threads = usize::try_from(config.flush_threads).unwrap_or(1);
        let group_commit = Arc::new(GroupCommit::start(threads).map_err(ServeError::System)?);
        let metrics = Arc::new(Metrics::default());
        let registry = Registry::new(Arc::clone(&log_manager), Arc::clone(&group_commit), Arc::clone(&metrics));
        registry.set_cleaner_settings(CleanerSettings::of(config));
        Ok(Self { clock, log_manager, group_commit, registry: Arc::new(registry), metrics })
    }

    fn broker(
        &self,
        config: &Arc<BrokerConfig>,
        stopping: &watch::Receiver<bool>,
    ) -> Result<(Arc<Broker>, Threads), ServeError> {
        let log = MetadataLog::open(&self.log_manager, self.clock.now())?;
        let options =
            MetadataOptions { config: Arc::clone(config), clock: self.clock, metrics: Arc::clone(&self.metrics) };
        let was_clean = self.log_manager.was_clean();
        let (metadata, thread) = Metadata::start(log, Arc::clone(&self.registry), options, was_clean)?;
        let data_directory = DataDirectory::new(Arc::clone(&self.log_manager));
        let (coordinators, running) =
            Coordinators::start(&metadata, self.clock, stopping).map_err(ServeError::System)?;
        let broker = Broker::new(self.clock, metadata, coordinators, data_directory, self.remembered(config));
        Ok((Arc::new(broker), Threads { coordinators: running, metadata: thread }))
    }

    fn remembered(&self, config: &BrokerConfig) -> Remembered {
        let count = |value: i32| usize::try_from(value).unwrap_or(0);
        let fetch_sessions = FetchSessions::new(
            count(config.max_incremental_fetch_session_cache_slots),
            count(config.fetch_session_partitions_max),
        );
        let options = ClientTelemetryOptions {
            instances_max: count(config.client_telemetry_instances_max),
            series_max: count(config.client_telemetry_series_max),
        };
        let client_telemetry = ClientTelemetry::new(options, Arc::clone(&self.metrics));
        Remembered { fetch_sessions, client_telemetry, metrics: Arc::clone(&self.metrics) }
    }

    /// The control socket. A broker without one serves all the same.
    fn control(&self, config: &BrokerConfig, stopping: &watch::Receiver<bool>) -> Option<Control> {
        let parts = ControlParts {
            log_manager: Arc::clone(&self.log_manager),
            clock: self.clock,
            backup_bytes_per_second_max: config.backup_io_max_bytes_per_second,
        };
        let connections_max = usize::try_from(config.control_connections_max).unwrap_or(1);
        let started = Control::start(parts, connections_max, stopping.clone());
        started.inspect_err(|error| warn!(%error, "no control socket: there are no backups while the broker runs")).ok()
    }

    fn close(self) -> Result<(), ServeError> {
        self.group_commit.stop();
        self.log_manager.close()?;
        info!("stopped cleanly");
        Ok(())
    }
}

/// The listener, as configured, and its socket.
type BoundListener = (String, listener::Bound);

fn bind(listener: &Listener) -> Result<BoundListener, ServeError> {
    let host = if listener.host.is_empty() { "::" } else { &listener.host };
    let resolve = |error| ServeError::Resolve { listener: listener.to_string(), error };
    let addresses = (host, listener.port).to_socket_addrs().map_err(resolve)?;
    let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match listener::bind(address) {
            Ok(bound) => return Ok((listener.to_string(), bound)),
            Err(error) => failure = error,
        }
    }
    Err(ServeError::Bind { listener: listener.to_string(), error: failure })
}

fn listen((listener, bound): BoundListener) -> Result<TcpListener, ServeError> {
    bound.listen().map_err(|error| ServeError::Bind { listener, error })
}

fn start_loops(
    config: &BrokerConfig,
    broker: &Arc<Broker>,
    stopping: &watch::Receiver<bool>,
) -> io::Result<Arc<EventLoops>> {
    let count = |value: i32| usize::try_from(value).unwrap_or(0);
    let processors = || std::thread::available_parallelism().map_or(1, usize::from).min(EVENT_LOOPS_MAX);
    let threads = config.num_network_threads.map_or_else(processors, count);
    let idle_max = u64::try_from(config.connections_max_idle_ms).unwrap_or(u64::from(u32::MAX));
    let options = NetOptions {
        frame_size_max: config.socket_request_max_bytes,
        inflight_requests_max: count(config.connection_inflight_requests_max),
        unsent_bytes_max: count(config.connection_unsent_bytes_max),
        idle_max: Duration::from_millis(idle_max),
        frame_timeout: Duration::from_millis(u64::from(config.connection_frame_timeout_ms.unsigned_abs())),
        connections_max: count(config.max_connections),
        connections_per_ip_max: count(config.max_connections_per_ip),
    };
    let budget = ByteBudget::new(
        u32::try_from(config.request_bytes_max()).unwrap_or(u32::MAX),
        u32::try_from(config.socket_request_max_bytes).unwrap_or(0),
    );
    let cold_reads = Arc::new(ColdReads::start(count(config.cold_read_threads))?);
    EventLoops::start(threads, broker, options, (&budget, &cold_reads), stopping).map(Arc::new)
}

fn start_endpoint(
    socket: TcpListener,
    config: &BrokerConfig,
    broker: &Arc<Broker>,
    stopping: &watch::Receiver<bool>,
) -> Result<Endpoint, ServeError> {
    let address = socket.local_addr().map_err(ServeError::System)?;
    let options = EndpointOptions {
        socket: socket.into_std().map_err(ServeError::System)?,
        connections_max: usize::try_from(config.metrics_connections_max).unwrap_or(1),
    };
    let broker = Arc::clone(broker);
    let scrape: Scrape = Arc::new(move |format| {
        let broker = Arc::clone(&broker);
        Box::pin(async move { gauges::scrape(&broker, format).await })
    });
    let endpoint = Endpoint::start(options, scrape, stopping).map_err(ServeError::System)?;
    info!("metrics are at http://{address}/metrics");
    Ok(endpoint)
}

/// The signals that stop a broker.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn register() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for one of them. Both arms are cancel-safe: a signal stays noted until it is received.
    async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// From now on a signal ends the process as if nobody had asked.
    async fn end_process_on_the_next(mut self) {
        self.stop().await;
        warn!("second signal: stopped at once");
        std::process::exit(130);
    }
}
