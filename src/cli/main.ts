/** Where the program starts: runs the command, tells errors, and gives the exit code. */
import { ExitCode } from '../kit/errors.ts';
import { runCommand } from './program.ts';

async function main(): Promise<void> {
  try {
    await runCommand(process.argv.slice(2));
  } catch (error) {
    const { reportError } = await import('./fail.ts');
    process.exitCode = reportError(error);
  }
  // What is written to files, pipes and terminals is out by now. Waiting for idle handles would only cost time.
  process.exit(process.exitCode ?? ExitCode.done);
}

process.on('uncaughtException', async (error) => {
  let code: number = ExitCode.outside;
  try {
    const { reportError } = await import('./fail.ts');
    code = reportError(error);
  } catch {
    // The terminal is gone, and what is thrown here would come back for ever.
  }
  process.exit(code);
});

void main();
