// What can go wrong in a worker, and the exit code of each.
//
// Running out of memory is not here, and nothing catches it.

// The worker cannot go on; its message is the one line that the user reads.
export class WorkerError extends Error {
  exitCode = 1;
}

// The snapshot is not JSON, or not a hero snapshot.
export class SnapshotError extends WorkerError {}

// The database cannot be opened, or refused what the worker wrote.
export class DatabaseError extends WorkerError {}

// The snapshot is larger than the guard allows, so that nothing was done.
export class RefusedError extends WorkerError {
  exitCode = 75;
}

// The command line cannot be understood.
export class UsageError extends WorkerError {
  exitCode = 2;
}

// Runs a step; what is wrong with the snapshot in it is said to be at this place.
export function within(place, step) {
  try {
    return step();
  } catch (error) {
    if (error instanceof SnapshotError) {
      throw new SnapshotError(`${place}${error.message}`, { cause: error });
    }
    throw error;
  }
}
