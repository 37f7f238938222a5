//! The comfywarden binary: hands the command line to [`comfywarden::cli`] and turns its answer into an exit code.

fn main() -> std::process::ExitCode {
    comfywarden::cli::run()
}
