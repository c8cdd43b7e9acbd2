/**
 * What an endpoint of a workspace is, and the steps that stand before each of them: the region is ours, the workspace
 * exists, the method fits. Whatever it throws becomes a reply here, and an observation.
 */
import type { Clock } from '../clock.ts'
import type { Directory } from '../directory/directory.ts'
import type { KnownWorkspace } from '../directory/known-workspace.ts'
import type { Question, Reply } from '../exchange.ts'
import { requireMethod } from '../oauth/method.ts'
import type { Observe } from '../observe/observation.ts'
import { misdirected, nothingHere, type WorkspaceAddress } from '../tenancy/address.ts'
import type { Region } from '../tenancy/region.ts'
import { isGone } from '../tenancy/tenant.ts'
import { refusalOf } from './answer.ts'

export type WorkspaceQuestion = Question<WorkspaceAddress>

export type WorkspaceEndpoint = {
  /** What follows `/{tenant}/{workspace}`. */
  readonly path: string
  readonly methods: readonly string[]
  /** Asked so often that the way to it matters: answered before Express is entered. */
  readonly frequent?: true
  readonly answer: (
    question: WorkspaceQuestion,
    workspace: KnownWorkspace,
    directory: Directory,
  ) => Promise<Reply>
}

type Needs = {
  /** One for each region that this node serves. */
  readonly directories: ReadonlyMap<Region, Directory>
  readonly clock: Clock
  readonly observe: Observe
}

/** @returns who answers; tells `onLocated`, where it is given, whose question it is */
export function openToAll({ path, methods, answer }: WorkspaceEndpoint, needs: Needs) {
  const { directories, clock, observe } = needs
  return async (
    question: WorkspaceQuestion,
    onLocated?: (workspace: KnownWorkspace) => void,
  ): Promise<Reply> => {
    let workspace: KnownWorkspace | undefined
    try {
      // Hosts for client certificates have a listener of their own, which this one is not.
      if (question.address.mtls) throw nothingHere()
      const directory = directories.get(question.address.region)
      if (directory === undefined) throw misdirected()
      workspace = await directory.locate(question.address)
      if (workspace === undefined || isGone(workspace.tenant, clock.now())) throw nothingHere()
      onLocated?.(workspace)
      requireMethod(question.method, methods)
      return await answer(question, workspace, directory)
    } catch (error) {
      return refusalOf(error, question, observe, workspace?.issuer, path)
    }
  }
}
