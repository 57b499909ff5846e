// Asks the guard-rail before OpenCode runs a command or reads a file; what is thrown is told to the model in its place.
import { spawnSync } from "node:child_process"

const rail = "/opt/drydock/policy/guard-rail"

export const DrydockGuardRail = async () => ({
  "tool.execute.before": async ({ tool }, { args }) => {
    if (!["bash", "read", "grep"].includes(tool)) return
    const answer = spawnSync(rail, { input: JSON.stringify({ tool_name: tool, tool_input: args }) })
    if (answer.error) throw new Error("drydock: the guard-rail is missing: nothing is run without it")
    if (answer.status !== 0) throw new Error(String(answer.stderr).trim() || "drydock: refused: the guard-rail has failed")
  },
})
