//! The simulated ComfyUI: compared with recordings of a real one, and its own promises.

mod behaviour;
mod client;
