//! The fault matrix: every state × the socket works, drops in mid-run, never opens. The state must be right in all.

use std::time::Duration;

use comfywarden::comfy::{CancelState, Client, ClientConfig, Ending, Event, EventKind, JobState, PromptId};
use comfywarden_sim::{Sim, SimHandle};
use futures::Stream;
use serde_json::Value;

use crate::support::comfy::{
    TestResult, all_events, block, client, fail, nonce, picture, sleep, submit, until, watch,
};

/// The fate of the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Socket {
    Works,
    Drops,
    NeverOpens,
}

const SOCKETS: [Socket; 3] = [Socket::Works, Socket::Drops, Socket::NeverOpens];

/// One cell of the matrix: a server, a client, and the socket's fate.
struct Cell {
    sim: SimHandle,
    client: Client,
    socket: Socket,
}

impl Cell {
    async fn new(socket: Socket, change: impl FnOnce(&mut ClientConfig)) -> TestResult<Self> {
        let sim = Sim::builder().sampling_time(Duration::ZERO).start().await?;
        sim.faults().refuse_ws(socket == Socket::NeverOpens);
        let client = client(&sim.url(), change)?;
        Ok(Self { sim, client, socket })
    }

    /// The socket meets its fate in mid-run.
    fn strike(&self) {
        if self.socket == Socket::Drops {
            self.sim.faults().drop_ws();
        }
    }

    /// Runs a workflow that is stopped before a node of this class while the socket meets its fate.
    async fn run(&self, workflow: &Value, held: &str) -> TestResult<(Vec<EventKind>, Ending)> {
        let gate = self.sim.hold(held);
        let submitted = submit(&self.client, workflow).await?;
        let events = self.client.watch(&submitted.prompt_id);
        gate.reached().await;
        self.strike();
        gate.release();
        let (events, ending) = all_events(events).await?;
        self.check_events(&events);
        Ok((events, ending))
    }

    /// The end is not all: the watcher says when it has to poll, and progress never falls.
    fn check_events(&self, events: &[EventKind]) {
        let polls = events.contains(&EventKind::FallbackPolling);
        assert_eq!(polls, self.socket != Socket::Works, "{:?}: {events:?}", self.socket);
        let percents: Vec<f64> = events
            .iter()
            .filter_map(
                |event| if let EventKind::Progress(progress) = event { Some(progress.percent) } else { None },
            )
            .collect();
        assert!(percents.is_sorted(), "{percents:?}");
    }

    /// A prompt that has started for the watcher.
    async fn started(
        &self,
        workflow: &Value,
    ) -> TestResult<(PromptId, impl Stream<Item = Event> + Unpin + use<>)> {
        let submitted = submit(&self.client, workflow).await?;
        let mut events = self.client.watch(&submitted.prompt_id);
        until(&mut events, |event| *event == EventKind::Started).await?;
        self.strike();
        Ok((submitted.prompt_id, events))
    }
}

#[tokio::test]
async fn succeeded() -> TestResult {
    for socket in SOCKETS {
        let cell = Cell::new(socket, |_| ()).await?;
        let (_, ending) = cell.run(&picture(nonce()), "SaveImage").await?;
        assert_eq!(
            (ending.outcome, ending.outputs.len(), ending.cached),
            (JobState::Succeeded, 1, false),
            "{socket:?}"
        );
        assert_eq!((ending.blocked, ending.failure), (None, None), "{socket:?}");
    }
    Ok(())
}

#[tokio::test]
async fn cached() -> TestResult {
    for socket in SOCKETS {
        let cell = Cell::new(socket, |_| ()).await?;
        let workflow = picture(nonce());
        let first = submit(&cell.client, &workflow).await?;
        let (_, first) = watch(&cell.client, &first.prompt_id).await?;
        let gate = cell.sim.hold_history();
        let again = submit(&cell.client, &workflow).await?;
        let events = cell.client.watch(&again.prompt_id);
        gate.reached().await;
        cell.strike();
        gate.release();
        let (_, ending) = all_events(events).await?;
        assert_eq!((ending.outcome, ending.cached), (JobState::Succeeded, true), "{socket:?}");
        assert_eq!(ending.outputs, first.outputs, "{socket:?}");
    }
    Ok(())
}

#[tokio::test]
async fn node_error() -> TestResult {
    for socket in SOCKETS {
        for (kind, out_of_memory) in [("ValueError", false), ("OutOfMemoryError", true)] {
            let cell = Cell::new(socket, |_| ()).await?;
            let (_, ending) = cell.run(&fail(kind), "RigFail").await?;
            assert_eq!(ending.outcome, JobState::Failed, "{socket:?}");
            let failure = ending.failure.ok_or("no failure")?;
            assert_eq!(
                (failure.node_id.as_str(), failure.node_type.as_str()),
                ("2", "RigFail"),
                "{socket:?}"
            );
            assert!(failure.exception_type.ends_with(kind), "{socket:?}: {failure:?}");
            assert_eq!(failure.out_of_memory, out_of_memory, "{socket:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn blocked() -> TestResult {
    for socket in SOCKETS {
        let cell = Cell::new(socket, |_| ()).await?;
        let (_, ending) = cell.run(&block("no licence"), "RigBlock").await?;
        assert_eq!((ending.outcome, ending.outputs.len()), (JobState::Succeeded, 0), "{socket:?}");
        let blocked = ending.blocked.ok_or("no word of the blocker")?;
        assert_eq!(
            (blocked.node_id.as_deref(), blocked.node_type.as_deref()),
            (Some("3"), Some("SaveImage"))
        );
        // Without the event only the missing output is left: ComfyUI keeps the message nowhere.
        let message = (socket == Socket::Works).then_some("no licence");
        assert_eq!(blocked.message.as_deref(), message, "{socket:?}");
    }
    Ok(())
}

#[tokio::test]
async fn cancelled_while_running() -> TestResult {
    for socket in SOCKETS {
        let cell = Cell::new(socket, |_| ()).await?;
        let (id, events) = cell.started(&sleep(600.0, 6000)).await?;
        let outcome = cell.client.cancel(&id).await?;
        assert_eq!((outcome.state, outcome.verified), (CancelState::Interrupted, true), "{socket:?}");
        let (_, ending) = all_events(events).await?;
        assert_eq!((ending.outcome, ending.failure), (JobState::Cancelled, None), "{socket:?}");
    }
    Ok(())
}

#[tokio::test]
async fn cancelled_while_pending() -> TestResult {
    for socket in SOCKETS {
        let cell = Cell::new(socket, |_| ()).await?;
        let gate = cell.sim.hold("RigSleep");
        submit(&cell.client, &sleep(0.0, 1)).await?;
        gate.reached().await;
        let waiting = submit(&cell.client, &picture(nonce())).await?.prompt_id;
        let mut events = cell.client.watch(&waiting);
        let queued = until(&mut events, |event| matches!(event, EventKind::Queued { .. })).await?;
        assert_eq!(queued, EventKind::Queued { position: 1 }, "{socket:?}");
        cell.strike();
        let outcome = cell.client.cancel(&waiting).await?;
        assert_eq!((outcome.state, outcome.verified), (CancelState::RemovedFromQueue, true), "{socket:?}");
        assert_eq!(all_events(events).await?.1.outcome, JobState::Cancelled, "{socket:?}");
    }
    Ok(())
}

#[tokio::test]
async fn cleared_from_the_queue() -> TestResult {
    for socket in SOCKETS {
        let cell = Cell::new(socket, |_| ()).await?;
        let gate = cell.sim.hold("RigSleep");
        let runner = submit(&cell.client, &sleep(0.0, 1)).await?.prompt_id;
        gate.reached().await;
        let waiting = submit(&cell.client, &picture(nonce())).await?.prompt_id;
        let events = cell.client.watch(&waiting);
        cell.strike();
        cell.client.clear_pending().await?;
        assert_eq!(all_events(events).await?.1.outcome, JobState::Cancelled, "{socket:?}");
        gate.release();
        assert_eq!(watch(&cell.client, &runner).await?.1.outcome, JobState::Succeeded, "{socket:?}");
    }
    Ok(())
}

#[tokio::test]
async fn lost_in_a_restart() -> TestResult {
    for socket in SOCKETS {
        let cell = Cell::new(socket, |_| ()).await?;
        let (_, running) = cell.started(&sleep(600.0, 6000)).await?;
        let waiting = submit(&cell.client, &picture(nonce())).await?.prompt_id;
        let waiting = cell.client.watch(&waiting);
        cell.sim.restart();
        assert_eq!(all_events(running).await?.1.outcome, JobState::Lost, "{socket:?}");
        assert_eq!(all_events(waiting).await?.1.outcome, JobState::Lost, "{socket:?}");
        // The next prompt is none the worse for it.
        let next = submit(&cell.client, &picture(nonce())).await?.prompt_id;
        assert_eq!(watch(&cell.client, &next).await?.1.outcome, JobState::Succeeded, "{socket:?}");
    }
    Ok(())
}

#[tokio::test]
async fn dead_worker_is_running_and_stalled() -> TestResult {
    for socket in SOCKETS {
        let cell = Cell::new(socket, |_| ()).await?;
        cell.sim.faults().exit_worker("EmptyImage");
        let (id, mut events) = cell.started(&picture(nonce())).await?;
        until(&mut events, |event| *event == EventKind::Stalled(true)).await?;
        assert!(cell.client.queue().await?.is_running(&id), "{socket:?}");
        assert_eq!(cell.client.ending(&id).await?, None, "{socket:?}");
    }
    Ok(())
}

#[tokio::test]
async fn timed_out() -> TestResult {
    for socket in SOCKETS {
        let cell = Cell::new(socket, |config| config.job_timeout = Duration::from_millis(500)).await?;
        cell.sim.faults().stall("EmptyImage");
        let (id, events) = cell.started(&picture(nonce())).await?;
        let (_, ending) = all_events(events).await?;
        assert_eq!(ending.outcome, JobState::TimedOut, "{socket:?}");
        assert!(ending.elapsed >= Duration::from_millis(500), "{socket:?}");
        assert!(
            cell.sim.requests("POST", "/interrupt").is_empty(),
            "{socket:?}: interrupted without being told"
        );
        assert!(cell.client.queue().await?.is_running(&id), "{socket:?}");
    }
    Ok(())
}

#[tokio::test]
async fn unreachable_for_a_while() -> TestResult {
    for socket in SOCKETS {
        let cell = Cell::new(socket, |_| ()).await?;
        let gate = cell.sim.hold("SaveImage");
        let submitted = submit(&cell.client, &picture(nonce())).await?;
        let mut events = cell.client.watch(&submitted.prompt_id);
        gate.reached().await;
        cell.strike();
        cell.sim.faults().down(true);
        // Looks that fail turn the watcher to polling, if the socket has not done so.
        until(&mut events, |event| *event == EventKind::FallbackPolling).await?;
        assert!(cell.client.queue().await.is_err(), "{socket:?}");
        cell.sim.faults().down(false);
        gate.release();
        let (_, ending) = all_events(events).await?;
        assert_eq!((ending.outcome, ending.outputs.len()), (JobState::Succeeded, 1), "{socket:?}");
    }
    Ok(())
}

#[tokio::test]
async fn unreachable_for_good() -> TestResult {
    for socket in SOCKETS {
        let cell = Cell::new(socket, |config| config.job_timeout = Duration::from_millis(700)).await?;
        let gate = cell.sim.hold("SaveImage");
        let submitted = submit(&cell.client, &picture(nonce())).await?;
        let events = cell.client.watch(&submitted.prompt_id);
        gate.reached().await;
        cell.strike();
        cell.sim.faults().down(true);
        assert_eq!(all_events(events).await?.1.outcome, JobState::TimedOut, "{socket:?}");
    }
    Ok(())
}
