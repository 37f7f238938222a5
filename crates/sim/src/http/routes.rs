//! Every route, with and without the `/api` prefix.

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderValue, Method, header::ALLOW},
    middleware,
    response::Response,
    routing::{delete, get, post},
};

use super::{
    admit, answer, downloads, files, history, jobs, manager, models, nodes, prompt, queue, system, upload,
    view,
};
use crate::{options::Options, server::Server, ws};

/// The service of one server.
pub(crate) fn router(server: Arc<Server>) -> Router {
    let routes = routes(&server.options);
    Router::new()
        .merge(routes.clone())
        .nest("/api", routes)
        .fallback(unknown)
        // `admit` holds every body to the advertised size; axum's own limit would be 2 MiB.
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(server.clone(), admit::admit))
        .with_state(server)
}

fn routes(options: &Options) -> Router<Arc<Server>> {
    let routes = Router::new()
        .route("/ws", get(ws::open))
        .route("/prompt", get(prompt::count).post(prompt::submit))
        .route("/queue", get(queue::list).post(queue::change))
        .route("/interrupt", post(queue::interrupt))
        .route("/free", post(queue::free))
        .route("/history", get(history::list).post(history::change))
        .route("/history/{prompt_id}", get(history::one))
        .route("/object_info", get(nodes::all))
        .route("/object_info/{class}", get(nodes::one))
        .route("/models", get(models::folders))
        .route("/models/{folder}", get(models::files))
        .route("/embeddings", get(models::embeddings))
        .route("/view_metadata/{folder}", get(models::metadata))
        .route("/experiment/models", get(models::experiment_folders))
        .route("/experiment/models/{folder}", get(models::experiment_files))
        .route("/experiment/models/preview/{folder}/{index}/{*name}", get(models::preview))
        .route("/upload/image", post(upload::image))
        .route("/upload/mask", post(upload::mask))
        .route("/view", get(view::view))
        .route("/", get(system::root))
        .route("/system_stats", get(system::stats))
        .route("/features", get(system::features))
        .route("/extensions", get(system::extensions))
        .route("/workflow_templates", get(system::templates))
        .route("/global_subgraphs", get(system::subgraphs))
        .route("/global_subgraphs/{id}", get(system::subgraph))
        .route("/i18n", get(system::empty_object))
        .route("/node_replacements", get(nodes::replacements))
        .route("/settings", get(system::settings).post(system::change_settings))
        .route("/settings/{id}", get(system::setting).post(system::change_setting))
        .route("/users", get(system::users))
        .route("/userdata", get(files::user_data))
        .route("/jobs", get(jobs::list))
        .route("/jobs/{job_id}", get(jobs::one));
    let routes = match options.cancel_routes {
        crate::CancelRoutes::Absent => routes,
        crate::CancelRoutes::Present => routes
            .route("/jobs/{job_id}/cancel", post(jobs::cancel))
            .route("/jobs/cancel", post(jobs::cancel_many))
            .route("/jobs/{job_id}", delete(jobs::remove)),
    };
    let routes = match options.manager {
        crate::Manager::Absent => routes,
        crate::Manager::V4 => routes.merge(manager::routes()),
        crate::Manager::V3 => routes.merge(manager::old_routes()),
    };
    if options.model_manager { routes.merge(downloads::routes()) } else { routes }
}

/// The web root takes every GET it does not know for a missing file, and forbids the other methods.
async fn unknown(method: Method) -> Response {
    if method == Method::GET || method == Method::HEAD {
        return answer::empty(404);
    }
    let mut response = answer::empty(405);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET,HEAD"));
    response
}
