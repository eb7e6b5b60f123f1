//! Ports beside a twin's own, each for one session.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

/// Ports that are open at once.
const OPEN_MAX: usize = 256;

/// The ports of a twin that lead to one session each.
#[derive(Debug)]
pub(crate) struct Doors {
    tell: mpsc::UnboundedSender<Door>,
    /// Taken by whoever serves the twin.
    told: Mutex<Option<mpsc::UnboundedReceiver<Door>>>,
    open: Mutex<BTreeMap<String, Open>>,
}

/// A port that was just opened.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) listener: TcpListener,
    pub(crate) session: Arc<str>,
    /// Ends when the door is to be closed.
    pub(crate) closed: oneshot::Receiver<()>,
}

#[derive(Debug)]
struct Open {
    port: u16,
    /// Dropping it closes the door.
    _close: oneshot::Sender<()>,
}

impl Doors {
    pub(crate) fn new() -> Self {
        let (tell, told) = mpsc::unbounded_channel();
        Self { tell, told: Mutex::new(Some(told)), open: Mutex::default() }
    }

    /// The doors as they are opened; `None` where somebody has them already.
    pub(crate) fn opened(&self) -> Option<mpsc::UnboundedReceiver<Door>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Opens a port for a session; `Err` says why not.
    pub(crate) fn open(&self, ip: IpAddr, port: u16, session: &str) -> Result<u16, String> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() >= OPEN_MAX {
            return Err(format!("{OPEN_MAX} ports are open, which is the most"));
        }
        let unheard = |error: std::io::Error| format!("port {port} cannot be opened: {error}");
        let listener = std::net::TcpListener::bind(SocketAddr::new(ip, port)).map_err(unheard)?;
        listener.set_nonblocking(true).map_err(unheard)?;
        let port = listener.local_addr().map_err(unheard)?.port();
        let unserved = || "the twin is not served".to_owned();
        // Without a runtime nobody would answer there.
        tokio::runtime::Handle::try_current().map_err(|_| unserved())?;
        let listener = TcpListener::from_std(listener).map_err(unheard)?;
        let (close, closed) = oneshot::channel();
        let door = Door { listener, session: session.into(), closed };
        self.tell.send(door).map_err(|_| unserved())?;
        open.insert(session.to_owned(), Open { port, _close: close });
        Ok(port)
    }

    pub(crate) fn close(&self, session: &str) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(session);
    }

    pub(crate) fn port_of(&self, session: &str) -> Option<u16> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.get(session).map(|door| door.port)
    }
}
