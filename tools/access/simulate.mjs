// Evaluates requests as IAM would, by @cloud-copilot/iam-simulate. Each line of input has many requests, and each line of output
// has their answers, as JSON.
//
// In:  {policies: [document], requests: [{principal, action, resource, account, context, identity, resourcePolicy, endpoint}]},
//      the last three give policies by their number; identity is a list of numbers.
// Out: [{allowed, statements: [{policy, index, effect, resources}]}], the statements that decided; or [{error}].
//
// Runs in the directory of the installed packages (tools/npm.py), which is not the directory of this file.

import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

const require = createRequire(`${process.cwd()}/`)
const { runSimulation } = require('@cloud-copilot/iam-simulate')
const { createValidatedPolicy, validateEndpointPolicy, validateIdentityPolicy, validateResourcePolicy } = require('@cloud-copilot/iam-policy')

// The policies of one line. Each is looked at once for each use, and not for each request.
class Policies {
  constructor(documents) {
    this.documents = documents
    this.texts = documents.map((document) => document.Statement.map((statement) => JSON.stringify(statement)))
    this.validated = new Map()
  }

  // A policy as the simulation takes it, or undefined without a number.
  get(number, validate) {
    if (number === undefined) return undefined
    const key = `${validate.name} ${number}`
    if (!this.validated.has(key)) this.validated.set(key, createValidatedPolicy(this.documents[number], validate))
    return this.validated.get(key)
  }

  named(number, validate) {
    return { name: String(number), policy: this.get(number, validate) }
  }

  // The statements of one kind of policy that apply to the request, those of its Deny too.
  applying(analysis, numberOf) {
    return [...(analysis?.allowStatements ?? []), ...(analysis?.denyStatements ?? [])].map((applied) => ({
      policy: numberOf(applied),
      index: this.texts[numberOf(applied)].indexOf(JSON.stringify(applied.statement)),
      effect: applied.explain.effect,
      resources: [applied.explain.resources ?? []].flat().filter(({ matches }) => matches).map(({ resource }) => resource)
    }))
  }
}

async function answer(request, policies) {
  const { principal, action, resource, account, context, identity, resourcePolicy, endpoint } = request
  const found = await runSimulation(
    {
      request: { principal, action, resource: { resource, accountId: account }, contextVariables: context },
      identityPolicies: identity.map((number) => policies.named(number, validateIdentityPolicy)),
      resourcePolicy: policies.get(resourcePolicy, validateResourcePolicy),
      vpcEndpointPolicies: endpoint === undefined ? undefined : [policies.named(endpoint, validateEndpointPolicy)],
      serviceControlPolicies: [],
      resourceControlPolicies: []
    },
    {}
  )
  if (found.resultType === 'error') return { error: JSON.stringify(found.errors) }
  const parts = found.resultType === 'single' ? [found.result] : found.results
  // A key that the action does not know would leave a condition unasked.
  const ignored = parts.flatMap(({ ignoredContextKeys }) => ignoredContextKeys ?? [])
  if (ignored.length > 0) return { error: `${action} knows no ${ignored.join(', ')}` }
  return {
    allowed: found.overallResult === 'Allowed',
    statements: parts.flatMap(({ analysis }) => [
      ...policies.applying(analysis.identityAnalysis, ({ policyId }) => Number(policyId)),
      ...policies.applying(analysis.resourceAnalysis, () => resourcePolicy),
      ...policies.applying(analysis.endpointAnalysis, () => endpoint)
    ])
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const { policies, requests } = JSON.parse(line)
  const known = new Policies(policies)
  const answers = []
  for (const request of requests) answers.push(await answer(request, known))
  process.stdout.write(`${JSON.stringify(answers)}\n`)
}
