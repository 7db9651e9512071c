//! Starts worker processes: the only place that does, from one thread that lives as long as the pool.
//!
//! The environment is cleared but for a short list, so a worker has no credentials and no Runtime API; its working
//! directory is its own and empty; it stays in our process group, so that whoever ends us ends it.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::isolation::{Ladder, Outcome};

/// How workers are started.
#[derive(Debug, Clone)]
pub(crate) struct Recipe {
    /// The interpreter.
    pub python: PathBuf,
    /// The folder that holds the package `iota_engine`.
    pub engine: PathBuf,
    /// All of a worker's environment but `PYTHONPATH`.
    pub environment: Vec<(&'static str, OsString)>,
}

struct Order {
    directory: PathBuf,
    reply: Sender<io::Result<(Child, Outcome)>>,
}

/// The handle of the spawning thread, which ends when this is dropped.
pub(super) struct Spawner {
    orders: Mutex<Sender<Order>>,
}

impl Spawner {
    pub(super) fn start(recipe: Recipe, ladder: Ladder) -> io::Result<Self> {
        let (sender, receiver) = channel();
        std::thread::Builder::new().name("iota-spawn".into()).spawn(move || serve(&recipe, &ladder, &receiver))?;
        Ok(Self { orders: Mutex::new(sender) })
    }

    /// A new child with `directory` as its working directory, and what it was denied before it started.
    pub(super) fn spawn(&self, directory: &Path) -> io::Result<(Child, Outcome)> {
        let (reply, answer) = channel();
        let order = Order { directory: directory.to_path_buf(), reply };
        let gone = || io::Error::other("the spawning thread has ended");
        self.orders.lock().map_err(|_| gone())?.send(order).map_err(|_| gone())?;
        answer.recv().map_err(|_| gone())?
    }
}

fn serve(recipe: &Recipe, ladder: &Ladder, orders: &Receiver<Order>) {
    for order in orders {
        // A requester that went away takes its child with it: the child ends at end of file.
        let _ = order.reply.send(ladder.start(&mut command(recipe, &order.directory)));
    }
}

fn command(recipe: &Recipe, directory: &Path) -> Command {
    let mut command = Command::new(&recipe.python);
    command
        .args(["-P", "-s", "-S", "-B", "-m", "iota_engine", "serve"])
        .env_clear()
        .envs(recipe.environment.iter().map(|(name, value)| (name, value)))
        .env("PYTHONPATH", &recipe.engine)
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}
