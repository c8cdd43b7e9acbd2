/**
 * The command line as it is deployed, compiled for one test run into the run's folder: what a process costs to start from the
 * sources, several times as much, tests would pay a hundred times over.
 */
import { execFile } from 'node:child_process'
import { copyFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

/**
 * Types are not checked here: `npm run typecheck` does.
 * @param folder of the run; tests are run from the project's folder
 * @returns the path of the program
 */
export async function buildProgram(folder: string): Promise<string> {
  const root = process.cwd()
  const built = join(folder, 'built')
  const options = ['--outDir', built, '--noCheck', '--declaration', 'false']
  const compiler = join(root, 'node_modules', '.bin', 'tsc')
  await promisify(execFile)(compiler, ['--project', 'tsconfig.build.json', ...options], { cwd: root })
  // Modules are what they are by the nearest package.json, and packages are looked for beside it.
  copyFileSync(join(root, 'package.json'), join(built, 'package.json'))
  // Documents that `explain` reads are beside it, too.
  symlinkSync(join(root, 'docs'), join(built, 'docs'))
  symlinkSync(join(root, 'node_modules'), join(built, 'node_modules'))
  return join(built, 'src', 'main.js')
}
