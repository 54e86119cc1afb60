# SPDX-License-Identifier: LGPL-2.1-or-later
"""What clients and service have told, as acts of the model; and what of it cannot be so."""

import model
import scene
from model import DONE, PARTLY, SKIPPED, Act

# Errors that a job may end with, whatever the tree is like: somebody else was there first, or it was cancelled.
EXPECTED = {'NoSuchModule', 'AlreadyAdded', 'NotBuilt', 'Cancelled', 'NothingInstallable'}
# The same while directories were read-only, and by what was killed.
READ_ONLY = {'TreeNotWritable', 'InstallFailed', 'DepmodFailed', 'IndexFailed', 'LeftoversRemain', 'BuildFailed', 'SystemFailed'}
KILLED = {'Interrupted', 'ShuttingDown', 'ServiceUnavailable'}


class History:
    """Between two looks. `calls`: clients.Call; `views`: of the service's jobs; `kills`: when the service was ended; `read_only`: from when to
    when directories were."""

    def __init__(self, kernels, calls, views, kills, read_only):
        self.kernels, self.calls, self.views, self.kills, self.read_only = kernels, calls, views, kills, read_only
        self.acts = {name: [] for name in scene.PACKAGES}
        self.surveys = []  # (kernel, from, to, names that it has done something about)
        self.faults = []
        self.imports = {job: call.about for call in calls if call.verb == 'import' and not call.stdio for job in self.jobs_of(call)}
        self.take_views(views, '', True)
        for call in calls:
            if call.stdio and call.code is not None:
                self.take_call(call)
            elif call.verb == 'import' and not self.jobs_of(call) and not call.json.get('error'):
                self.float(call, call.about['module'], [[(model.adopt, call.about['version'], call.about['change'])]])

    @staticmethod
    def jobs_of(call):
        return [call.json['job']] if 'job' in call.json else [one['id'] for one in call.json.get('jobs', [])]

    def was_killed(self, begin, end):
        return any(begin - 1 <= moment <= end for moment in self.kills)

    def was_read_only(self, begin, end):
        return any(since <= end and begin <= until for since, until in self.read_only)

    def take_call(self, call):
        """One without the service."""
        jobs = call.json.get('jobs')
        if call.killed:
            self.float_all(call)
        elif jobs is not None and call.verb not in ('jobs', 'wait'):
            self.take_views(jobs, f'without the service, call {call.number}, ', False, call)
        elif call.code not in (0, None) and 'error' not in call.json:
            self.faults.append(f'{call}: no result\n{call.out}{call.err}')

    def take_views(self, views, where, of_service, call=None):
        parents = {view.get('parent') for view in views}
        for view in views:
            self.check_error(view, where)
            request = view['request']
            verb = request.get('request')
            if verb == 'autoinstall':
                done = {one['request']['module'] for one in views if one.get('parent') == view['id']}
                if view.get('result') in ('done', 'skipped'):
                    self.surveys.append((request['kernels'][0].partition('/')[0], view['queued_at'], view['ended_at'], done, where + str(view['id'])))
            if view['id'] in parents or verb in ('autoinstall', 'check', 'kernel-prerm'):
                continue
            restarted = of_service and self.was_killed(view['queued_at'], view['ended_at'])
            how = {'done': DONE, 'skipped': SKIPPED}.get(view.get('result'), PARTLY)
            if view.get('error') and how == SKIPPED:
                how = PARTLY
            what = f'{where}job {view["id"]}: {verb} {request.get("module", "")}/{request.get("version", "")} ' \
                   f'{" ".join(request.get("kernels", []))} {request.get("options", "")}, {view.get("result")} at {view["ended_at"]:.4f}'
            if verb == 'load':
                about = call.about if call else self.imports.get(view['id'])
                if about:
                    step = (model.adopt, about['version'], about['change'])
                    self.acts[about['module']].append(Act(view['ended_at'], [[step]], [], how, what, began=view['queued_at'] if restarted else 0.0,
                                                          early=(step,), restarted=restarted))
                continue
            kernel = (request.get('kernels') or ['/'])[0].partition('/')[0]
            groups, last = model.steps_of(verb, request['version'], kernel, self.kernels, request.get('options', {}))
            act = Act(view['ended_at'], groups, last, how, what, restarted=restarted)
            early = tuple(step for step in act.all_steps() if restarted or step[0] is model.add)
            self.acts[request['module']].append(act._replace(early=early, began=view['queued_at'] if early else 0.0))

    def check_error(self, view, where):
        """Whether it may have ended like that."""
        error = view.get('error', {}).get('error')
        if not error or error in EXPECTED:
            return
        began, ended = view['queued_at'], view['ended_at']
        text = view['error'].get('message', '')
        if error in READ_ONLY | {'AutoinstallFailed'} and self.was_read_only(began, ended):
            return
        if error in KILLED and self.was_killed(began, ended):
            return
        if error == 'AutoinstallFailed' and any(one.get('parent') == view['id'] for one in self.views):
            return  # they are looked at themselves
        self.faults.append(f'{where}job {view["id"]} {view["request"]} ended with {error}: {text}')

    def float_all(self, call):
        """What one that was killed may have done."""
        about = call.about
        if call.verb == 'import':
            self.float(call, about['module'], [[(model.adopt, about['version'], about['change'])]])
        elif call.verb == 'autoinstall':
            for name, package in scene.PACKAGES.items():
                if package.autoinstall:
                    self.float(call, name, [[(model.build_newest, about['kernel']), (model.install_newest, about['kernel'])]])
        elif call.verb in ('install', 'build', 'uninstall', 'unbuild', 'add', 'uninstall-all', 'unbuild-all', 'remove-all', 'remove', 'rebuild-force'):
            verb = {'remove': 'unbuild', 'rebuild-force': 'build'}.get(call.verb, call.verb.removesuffix('-all'))
            options = {'all': call.verb.endswith('-all'), 'force': call.verb.endswith('-force')}
            self.float(call, about['module'], *model.steps_of(verb, about['version'], about['kernel'], self.kernels, options))

    def float(self, call, name, groups, last=()):
        self.acts[name].append(Act(call.began, groups, list(last), PARTLY, str(call), floats=True))

    def courses(self, before):
        """Of each package; a contradiction is a fault."""
        courses = {}
        for name, acts in self.acts.items():
            courses[name] = course = model.Course(before[name])
            try:
                course.run(acts)
            except model.Contradiction as contradiction:
                self.faults.append(f'{name}: {contradiction}')
                courses[name] = None
        for kernel, began, ended, done, what in self.surveys:
            for name, package in scene.PACKAGES.items():
                course = courses[name]
                if not package.autoinstall or not course or name in done:
                    continue
                if not any(one.is_complete(kernel) for one in course.between(began, ended)):
                    self.faults.append(f'{what}: autoinstall for {kernel} has done nothing about {name}, which was never complete meanwhile')
        return courses

    def told(self, name):
        lines = []
        for act in sorted(self.acts[name], key=lambda one: one.at):
            notes = [act.how, *(['floats'] if act.floats else []), *([f'since {act.began:.4f}'] if act.began else []), *(['restarted'] if act.restarted else [])]
            lines.append(f'    {act.at:.4f} {" ".join(notes)}: {act.what}')
        return '\n'.join(lines)
