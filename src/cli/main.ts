/** Where the program starts: runs the command, tells errors, and gives the exit code. */
import { ExitCode } from '../kit/errors.ts';
import { tell } from './io.ts';
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
  const { reportError } = await import('./fail.ts');
  process.exit(reportError(error));
});

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  tell(`error: Cambium needs Node 20.19 or newer, and this is ${process.versions.node}.\n`);
  process.exit(ExitCode.outside);
}
void main();
