//! A simulated ComfyUI, for the demo and for tests.
//!
//! It answers ComfyUI's routes with ComfyUI's shapes, status codes and event order, as recorded from a
//! real 0.12.2. Model-free nodes really work on pixels; samplers paint a placeholder picture from the
//! prompt text, the seed and the size. No node runs code or reads a file of this machine.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let sim = comfywarden_sim::Sim::instant().start().await?;
//! println!("{}", sim.url());
//! # Ok(()) }
//! ```
//!
//! Its memory is bounded, however long it runs and whatever is asked of it; in each store the oldest entries go first:
//! files of `input`, `output` and `temp` take at most 128 MiB and are at most 10,000, the history keeps 10,000 entries
//! (ComfyUI's own limit) of at most 32 MiB of JSON, and the journal 10,000 requests with at most 16 MiB of JSON bodies.
//! A file that was evicted is a 404, as one that somebody deleted.
//!
//! | part | files |
//! |---|---|
//! | building and steering | `builder`, `options`, `handle`, `faults`, `holds`, `journal` |
//! | the wire | `listener`, `http/`, `ws`, `sockets`, `events` |
//! | what ComfyUI knows | `catalogue`, `models`, `packs`, `manager_tasks`, `downloads`, `store` |
//! | what ComfyUI does | `validate/`, `queue`, `engine/`, `nodes/`, `paint`, `picture` |

mod builder;
mod catalogue;
mod downloads;
mod engine;
mod events;
mod faults;
mod handle;
mod holds;
mod http;
mod journal;
mod listener;
mod manager_tasks;
mod models;
mod nodes;
mod options;
mod packs;
mod paint;
mod picture;
mod python;
mod queue;
mod server;
mod sockets;
mod store;
mod validate;
mod ws;

pub use builder::{Sim, SimBuilder};
pub use faults::Faults;
pub use handle::SimHandle;
pub use holds::Hold;
pub use journal::Request;
pub use options::{CancelRoutes, Manager};
